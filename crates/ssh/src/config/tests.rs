//! Tests of the order in which files are read.

use super::*;
use crate::DROPIN;

struct Machine {
    _dir: tempfile::TempDir,
    root: Root,
}

fn machine(files: &[(&str, &str)]) -> Machine {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new(dir.path());
    for (path, text) in files {
        crate::write(&root.at(path), text).unwrap();
    }
    Machine { _dir: dir, root }
}

const MAIN: &str = "\
Include /etc/ssh/sshd_config.d/*.conf
UsePAM no
Match User bob
Include extra
Port 1
Match All
Port 2
";

fn listing(config: &Config) -> Vec<String> {
    let line = |setting: &Setting| {
        let block = setting.block.map(|block| config.blocks[block].text());
        format!(
            "{} {} {} {}",
            setting.place,
            setting.keyword,
            setting.value(),
            block.unwrap_or_default()
        )
    };
    config.settings.iter().map(line).collect()
}

#[test]
fn the_order_of_includes() {
    let machine = machine(&[
        (SSHD_CONFIG, MAIN),
        (
            "/etc/ssh/sshd_config.d/20-b.conf",
            "A b\nMatch Address \"a b\"\nA c",
        ),
        ("/etc/ssh/sshd_config.d/05-a.conf", "A a\n"),
        ("/etc/ssh/sshd_config.d/.x.conf", "A x\n"),
        ("/etc/ssh/extra", "B 1\nMatch Host h\nB 2\n"),
    ]);
    let plan = Plan::default().with(DROPIN, Some("A ours\n"));
    let config = Config::read(&machine.root, &plan).unwrap();
    let expected = [
        "/etc/ssh/sshd_config.d/05-a.conf:1 a a ",
        "/etc/ssh/sshd_config.d/10-middlewared.conf:1 a ours ",
        "/etc/ssh/sshd_config.d/20-b.conf:1 a b ",
        "/etc/ssh/sshd_config.d/20-b.conf:3 a c Address \"a b\"",
        "/etc/ssh/sshd_config:2 usepam no ",
        "/etc/ssh/extra:1 b 1 User bob",
        "/etc/ssh/extra:3 b 2 User bob Host h",
        "/etc/ssh/sshd_config:5 port 1 User bob",
        "/etc/ssh/sshd_config:7 port 2 All",
    ];
    assert_eq!(listing(&config), expected);
    assert!(config.has_read(DROPIN));
    let without = Plan::default().with("/etc/ssh/sshd_config.d/20-b.conf", None);
    let config = Config::read(&machine.root, &without).unwrap();
    assert!(!config.has_read(DROPIN));
    assert_eq!(listing(&config).len(), 6);
}

#[test]
fn a_rendered_copy_reads_the_same() {
    let machine = machine(&[
        (SSHD_CONFIG, MAIN),
        (
            "/etc/ssh/sshd_config.d/20-b.conf",
            "A b\nMatch Address 10.0.0.1\nA c",
        ),
        ("/etc/ssh/extra", "B 1\n"),
    ]);
    let config = Config::read(&machine.root, &Plan::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let main = config.render(dir.path()).unwrap();
    let moved = Plan::default().with(SSHD_CONFIG, files::read(&main).unwrap().as_deref());
    let again = Config::read(&Root::new("/"), &moved).unwrap();
    let values = |config: &Config| {
        let lines = listing(config).into_iter();
        lines
            .map(|line| line.split_once(' ').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&config));
}

#[test]
fn what_cannot_be_read() {
    let check = |files: &[(&str, &str)], expected: &str| {
        let machine = machine(files);
        let error = Config::read(&machine.root, &Plan::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(&[], "there is no /etc/ssh/sshd_config");
    check(
        &[(SSHD_CONFIG, "Include sshd_config\n")],
        "/etc/ssh/sshd_config: files include each other for ever",
    );
}
