//! The report about sshd: the newest counts.

use super::*;

#[test]
fn the_newest_report_comes_back() {
    let mut desk = Desk::new();
    assert_eq!(desk.read(|tx| tx.sshd_report()), None);
    for (secs, ready) in [(0, true), (60, false)] {
        desk.wait_until(secs);
        desk.write(|tx| tx.put_sshd_report(ready, "{\"doors\":[]}"));
        let mut again = desk.restarted();
        let report = again.read(|tx| tx.sshd_report()).unwrap();
        assert_eq!((report.at, report.ready), (after(secs), ready));
        assert_eq!(report.report, "{\"doors\":[]}");
        desk = again;
    }
    desk.damages(&["UPDATE sshd_report SET ready = 2"], |tx| tx.sshd_report());
}
