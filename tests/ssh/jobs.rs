//! Programs that log in: `BatchMode=yes`, a key and nobody to type a code.

use serde_json::json;
use testkit::Login;

use super::door::{CODE, Door, EITHER, Person, check, passes, refused};

fn batch(door: &Door, person: &Person) -> Login {
    door.by_key(person).option("BatchMode=yes")
}

#[test]
fn an_exempt_job_account_passes_in_batch_mode_and_nobody_else() {
    let mut door = Door::today(EITHER);
    let [alice] = door.enrolled(["alice"]);
    let [offsite] = door.people(["offsite"]);
    // A key of its own, beside the one in its home, which stays good for nothing.
    let job_key = door.machine.dir().join("job-key");
    let file = job_key.to_str().unwrap();
    door.machine
        .run_ok(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file]);
    door.machine.run_ok(["passwd", "-l", "offsite"]);
    let job = |door: &Door| door.login(&offsite).key(&job_key).option("BatchMode=yes");
    let closed = |door: &Door| {
        check(&[
            refused("a key that sshd does not know", job(door), &[]),
            refused("its own key", batch(door, &offsite), &[]),
            refused("a person's key", batch(door, &alice.0), &[]),
        ]);
    };
    closed(&door);
    let public = format!("{file}.pub");
    let listed = door.midclt(&["2fa", "ssh", "exempt", "--list"]);
    assert_eq!(listed, "There are none.\n");
    let (date, reason) = (in_a_month(&door), "nightly rsync");
    let exempt = ["2fa", "ssh", "exempt", "offsite", "--key", &public];
    let exempt = [
        &exempt[..],
        &["--until", &date, "--reason", reason, "--yes"],
    ]
    .concat();
    door.midclt(&exempt);
    check(&[
        passes("the job's key", job(&door), &[]),
        refused("its other key", batch(&door, &offsite), &[]),
        refused("a person's key", batch(&door, &alice.0), &[]),
        passes(
            "a person with a code",
            door.by_key(&alice.0).code(&door.code(&alice.1)),
            &[CODE],
        ),
    ]);
    // The daemon's word is needed too: without it, the block alone lets nobody in.
    let exemptions = door.site.call("auth.twofactor.exemption.query", json!([]));
    assert_eq!(exemptions[0]["username"], "offsite", "{exemptions}");
    let id = json!([exemptions[0]["id"]]);
    door.site.call("auth.twofactor.exemption.delete", id);
    check(&[refused("the exemption has ended", job(&door), &[])]);
    door.midclt(&exempt);
    check(&[passes("exempt again", job(&door), &[])]);
    door.midclt(&["2fa", "ssh", "exempt", "--delete", "offsite"]);
    closed(&door);
}

/// A day in about a month, as `midclt` takes it.
fn in_a_month(door: &Door) -> String {
    let day = door.machine.run_ok(["date", "-u", "-d", "30 days", "+%F"]);
    day.trim().to_owned()
}

/// sftp and scp are sessions like any other: they begin when the door has opened.
#[test]
fn a_forced_command_is_all_that_a_job_may_run() {
    let door = Door::today(EITHER);
    let [job] = door.people(["job"]);
    door.machine.run_ok(["passwd", "-l", "job"]);
    let public = format!("{}.pub", job.key.display());
    let date = in_a_month(&door);
    let exempt = [
        "2fa", "ssh", "exempt", "job", "--key", &public, "--until", &date,
    ];
    let forced = ["--reason", "a test", "--command", "echo only this", "--yes"];
    door.midclt(&[&exempt[..], &forced].concat());
    let outcome = batch(&door, &job).run();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.exit),
        ("only this\n", Some(0)),
        "{outcome:?}"
    );
    let shell = batch(&door, &job).option("RequestTTY=force").command("");
    let shell = shell.run();
    assert!(
        shell.texts.contains("PTY allocation request failed"),
        "{shell:?}"
    );
}
