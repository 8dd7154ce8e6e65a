// What scripts add to pages that work without them: they follow what happens, copy, and show
// questions as dialogs.

// A page that is open shows how it stands now. A form that somebody is in is left alone.
const live = document.querySelector('[data-live]');
if (live && window.EventSource) {
  const events = new EventSource('/live');
  let waiting = 0;
  let isBehind = false;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 200);
  };
  events.addEventListener('message', soon);
  // While the connection was gone, anything may have happened.
  events.addEventListener('error', () => {
    isBehind = true;
    if (events.readyState === EventSource.CLOSED) soon();
  });
  events.addEventListener('open', () => {
    if (isBehind) soon();
    isBehind = false;
  });
}

async function refresh() {
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
  } catch {
    return;
  }
  // What is typed here stays, and is handed on by the sign-in.
  if (answer.redirected) return tell('You are not signed in any more. What you send is kept until you are again.');
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const now = page.querySelectorAll('[data-live]');
  document.querySelectorAll('[data-live]').forEach((part, index) => {
    if (!now[index]) return;
    if (!part.contains(document.activeElement)) part.replaceWith(now[index]);
    else if (part.dataset.live === 'news' && part.innerHTML !== now[index].innerHTML) {
      tell('There is something new here. Reload the page to see it.');
    }
  });
}

function tell(text) {
  if (document.getElementById('told')) return;
  const notice = document.createElement('p');
  notice.id = 'told';
  notice.className = 'notice';
  notice.setAttribute('role', 'status');
  notice.textContent = text;
  document.querySelector('main h1').after(notice);
}

// What ends by itself counts down, by the seconds that the page came with.
setInterval(() => {
  for (const part of document.querySelectorAll('[data-seconds]')) {
    const left = Number(part.dataset.seconds) - 1;
    if (left < 0) continue;
    part.dataset.seconds = left;
    part.textContent = `${left} s left.`;
    if (left === 0) setTimeout(refresh, 1000);
  }
}, 1000);

// A link to a question opens it in place; Escape and Cancel close it.
document.addEventListener('click', async (event) => {
  const link = event.target.closest('a[data-dialog]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const answer = await fetch(link.href);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const form = page.querySelector('main form');
  if (!answer.ok || answer.redirected || !form) return location.assign(link.href);
  const dialog = document.createElement('dialog');
  const title = page.querySelector('main h1');
  title.id = 'dialog-title';
  dialog.setAttribute('aria-labelledby', title.id);
  dialog.append(title, form);
  form.querySelectorAll('a.quiet').forEach((cancel) => cancel.addEventListener('click', (click) => {
    click.preventDefault();
    dialog.close();
  }));
  dialog.addEventListener('close', () => { dialog.remove(); link.focus(); });
  document.body.append(dialog);
  dialog.showModal();
});

// Secrets can be copied where the browser lets pages do so.
for (const field of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'quiet';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = 'Copied';
  });
  field.after(button);
}

// What only scripts can do is shown only to who has them.
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}
