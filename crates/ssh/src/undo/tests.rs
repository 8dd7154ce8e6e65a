//! Putting back, on a directory that stands for a machine.

use super::*;
use crate::DROPIN;
use crate::stack::Stack;

const OLD: &str = "@include common-auth\n@include common-account\n";

fn root() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new(dir.path());
    files::write(&root.at(STACK), OLD).unwrap();
    (dir, root)
}

fn until() -> Boot {
    Boot {
        id: "b".to_owned(),
        seconds: 100,
    }
}

/// On trial, with both files written.
fn on_trial(root: &Root) -> Undo {
    let undo = Undo::create(root, &[STACK, DROPIN], until()).unwrap();
    let stack = Stack::default().insert(OLD).unwrap();
    files::write(&root.at(STACK), &stack).unwrap();
    files::write(&root.at(DROPIN), "ours").unwrap();
    undo
}

#[test]
fn everything_is_put_back() {
    let (_dir, root) = root();
    let mut undo = on_trial(&root);
    undo.begin_trial(&root, "7").unwrap();
    let brought = Brought {
        started: Some("ssh.service".to_owned()),
        enabled: None,
    };
    undo.note_brought(&root, brought).unwrap();
    let read = Undo::read(&root).unwrap().unwrap();
    assert_eq!(read, undo);
    assert_eq!(read.trial.as_deref(), Some("7"));
    let mut done = Vec::new();
    read.restore(&root, &mut |line| done.push(line)).unwrap();
    assert_eq!(
        done,
        [
            format!("{DROPIN} is as it was before"),
            format!("{STACK} is as it was before")
        ]
    );
    assert_eq!(files::read(&root.at(STACK)).unwrap().as_deref(), Some(OLD));
    assert_eq!(files::read(&root.at(DROPIN)).unwrap(), None);
    assert!(!root.at(UNDO).exists());
}

#[test]
fn what_others_changed_meanwhile_stays() {
    let (_dir, root) = root();
    let undo = on_trial(&root);
    let theirs = "session required pam_x.so\n";
    let now = files::read(&root.at(STACK)).unwrap().unwrap();
    files::write(&root.at(STACK), &format!("{now}{theirs}")).unwrap();
    undo.restore(&root, &mut |_| {}).unwrap();
    let text = files::read(&root.at(STACK)).unwrap().unwrap();
    assert_eq!(text, format!("{OLD}{theirs}"));
}

#[test]
fn one_at_a_time() {
    let (_dir, root) = root();
    on_trial(&root);
    let error = Undo::create(&root, &[STACK], until()).unwrap_err();
    assert!(
        error.to_string().starts_with("a trial is under way"),
        "{error}"
    );
    forget(&root).unwrap();
    assert_eq!(Undo::read(&root).unwrap(), None);
    Undo::create(&root, &[STACK], until()).unwrap();
}

/// Whoever was stopped in the midst of it, and goes on when the job has put everything back.
#[test]
fn one_that_was_ended_meanwhile_is_not_gone_on_with() {
    let (_dir, root) = root();
    let mut ours = on_trial(&root);
    ours.is_under_way(&root).unwrap();
    ours.restore(&root, &mut |_| {}).unwrap();
    assert!(ours.begin_trial(&root, "7").is_err());
    assert!(!root.at(UNDO).exists());
    let other = Boot {
        seconds: 200,
        ..until()
    };
    let theirs = Undo::create(&root, &[STACK], other).unwrap();
    assert!(ours.note_brought(&root, Brought::default()).is_err());
    assert_eq!(Undo::read(&root).unwrap(), Some(theirs));
}

/// Killed before the manifest was there: nothing was written yet, and nothing is to be put back.
#[test]
fn half_of_one_is_none() {
    let (_dir, root) = root();
    files::write(&root.at(UNDO).join("0"), "half").unwrap();
    assert_eq!(Undo::read(&root).unwrap(), None);
    Undo::create(&root, &[STACK], until()).unwrap();
}

#[test]
fn one_that_was_changed_is_not_believed() {
    let (_dir, root) = root();
    on_trial(&root);
    for text in [
        "",
        "version 2\n",
        "version 1\n",
        "version 1\nboot\nfile x\n",
    ] {
        files::write(&root.at(UNDO).join(MANIFEST), text).unwrap();
        assert!(Undo::read(&root).is_err(), "{text}");
    }
}

/// A copy that is gone says nothing: the stack is not taken away for it.
#[test]
fn a_missing_copy_is_no_missing_file() {
    let (_dir, root) = root();
    on_trial(&root);
    files::remove(&root.at(UNDO).join("0")).unwrap();
    assert!(Undo::read(&root).is_err());
    assert!(root.at(STACK).exists());
}

#[test]
fn the_time_that_is_left() {
    let (_dir, root) = root();
    let undo = on_trial(&root);
    let check = |id: &str, seconds: u64, expected: u64| {
        let now = Boot {
            id: id.to_owned(),
            seconds,
        };
        assert_eq!(undo.seconds_left(&now), expected);
    };
    check("b", 40, 60);
    check("b", 100, 0);
    check("b", 101, 0);
    // A reboot ends it.
    check("c", 40, 0);
}
