//! Ten thousand accounts.

use testkit::{Algorithm, Socket, totp};

use super::*;

/// The secret of an account of a crowd.
fn secret(number: usize) -> String {
    data_encoding::BASE32_NOPAD.encode(format!("secret-of-account-{number:06}").as_bytes())
}

/// Makes the pages of an export of many out of the page of one.
type Multiply = Box<dyn Fn(&Value) -> Vec<Value>>;

/// So many accounts with their uids, and an export with a device for each.
pub(super) fn crowd(many: usize) -> (Vec<(String, u32)>, Multiply) {
    let uid = |number: usize| 100_000 + u32::try_from(number).unwrap();
    let names = (0..many).map(|number| (format!("user{number:06}"), uid(number)));
    let names: Vec<_> = names.collect();
    let of_crowd = names.clone();
    let multiply = move |page: &Value| {
        let root = &page["accounts"][0];
        let account = |(number, (name, uid)): (usize, &(String, u32))| {
            let mut account = root.clone();
            account["uid"] = json!(uid);
            account["username"] = json!(name);
            account["devices"][0]["secret"] = json!(secret(number));
            account
        };
        let accounts: Vec<_> = of_crowd.iter().enumerate().map(account).collect();
        let mut accounts: Vec<_> = [vec![root.clone()], accounts].concat();
        let mut pages = Vec::new();
        while !accounts.is_empty() {
            let rest = accounts.split_off(accounts.len().min(40));
            let mut page = page.clone();
            page["next"] = if rest.is_empty() {
                Value::Null
            } else {
                json!(1)
            };
            page["accounts"] = Value::Array(std::mem::replace(&mut accounts, rest));
            pages.push(page);
        }
        pages
    };
    (names, Box::new(multiply))
}

/// Hands pages over, and has them restored.
pub(super) fn restore_pages(socket: &mut Socket, pages: &[Value]) -> Value {
    for (number, page) in pages.iter().enumerate() {
        socket.call("auth.twofactor.restore_page", json!([number, page]));
    }
    socket.call("auth.twofactor.restore", json!([]))
}

/// All of them, by the programs that an administrator has, and one of them logs in.
#[test]
fn ten_thousand_accounts_are_moved() {
    const MANY: usize = 10_000;
    let (names, multiply) = crowd(MANY);
    let accounts: Vec<_> = names
        .iter()
        .map(|(name, uid)| (name.as_str(), *uid))
        .collect();
    let mut site = Site::with(Daemon::builder().accounts(&accounts));
    let many = multiply(&pages(&mut site)[0]);
    let lines: Vec<String> = many.iter().map(Value::to_string).collect();
    let lines = lines.join("\n");
    let random = [7; ::export::RANDOM_BYTES];
    let locked = ::export::lock(PASSPHRASE, lines.as_bytes(), &random).unwrap();
    fs::write(file_of(&site.daemon), locked).unwrap();
    restore(&site.daemon, &["--yes"]);
    let file = export(&site.daemon);
    let check = ["2fa", "export", "--check", file.to_str().unwrap()];
    let (page, _) = midclt_ok(&site.daemon, &check);
    assert!(page.contains("10001 accounts with 10001 devices"), "{page}");
    lose_everything(&mut site);
    let (done, said) = restore(&site.daemon, &["--yes"]);
    assert!(
        done.contains("Restored: 10001 accounts; 0 skipped."),
        "{done}"
    );
    assert!(said.contains("and 950 more"), "{said}");
    assert_eq!(site.number("SELECT count(*) FROM devices"), 10_001);
    site.pass(60);
    let code = totp(&secret(MANY - 1), 6, 30, site.now(), Algorithm::Sha1);
    let last = names.last().unwrap().0.as_str();
    let web = login(last).with("service", "web").code(&code);
    assert_eq!(site.verdict(&web), "ACCEPTED");
}
