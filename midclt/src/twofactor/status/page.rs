//! The status on one screen: what does not fit is counted.

use super::super::time;
use super::concerns::{self, Concern};
use super::{DeviceUse, Status, who_asks};
use crate::layout::{count, shorten, table, wrap};

/// Every line, whatever the terminal: 80 columns are there.
const COLUMNS: usize = 80;

/// The page, for a terminal of so many rows.
pub(super) fn page(status: &Status, rows: usize) -> String {
    let mut lines = headline(status);
    lines.push(String::new());
    let summary = summary(status);
    // Below the concerns: a blank line, the summary, where the devices are, and the shell's prompt.
    let pointer = if status.devices.is_empty() { 0 } else { 2 };
    let room = rows.saturating_sub(lines.len() + summary.len() + pointer + 2);
    lines.extend(fitting(&concerns::of(status), room));
    lines.push(String::new());
    lines.extend(summary);
    let room = rows.saturating_sub(lines.len() + 1);
    lines.extend(devices(&status.devices, room));
    lines.join("\n") + "\n"
}

fn headline(status: &Status) -> Vec<String> {
    let is_on = if status.enabled {
        "Two-factor authentication is ON."
    } else {
        "Two-factor authentication is OFF for EVERYBODY. To turn it on: midclt 2fa enable"
    };
    let ssh = if status.ssh { "on" } else { "off" };
    let codes = match status.window {
        0 => "only the current code is accepted (window 0)".to_owned(),
        steps => {
            let steps = count(steps.into(), "step");
            format!("codes of {steps} before and after now are accepted")
        }
    };
    let mut lines = vec![is_on.to_owned(), format!("services.ssh is {ssh}; {codes}.")];
    if status.enabled {
        lines.push(who_asks(status.ssh).to_owned());
    }
    lines
}

fn fitting(concerns: &[Concern], room: usize) -> Vec<String> {
    if concerns.is_empty() {
        return vec!["Nothing to do.".to_owned()];
    }
    let mut lines = Vec::new();
    for (shown, concern) in concerns.iter().enumerate() {
        let next = written(concern);
        let is_last = shown + 1 == concerns.len();
        // One line is kept for what does not fit.
        if lines.len() + next.len() + usize::from(!is_last) > room {
            let more = concerns.len() - shown;
            lines.push(format!("... and {more} more: midclt 2fa status | less"));
            break;
        }
        lines.extend(next);
    }
    lines
}

fn written(concern: &Concern) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, line) in wrap(&concern.text, COLUMNS - 2).iter().enumerate() {
        let mark = if number == 0 { concern.mark } else { ' ' };
        lines.push(shorten(&format!("{mark} {line}"), COLUMNS));
    }
    let cure = concern.cure.iter();
    lines.extend(cure.map(|cure| shorten(&format!("      {cure}"), COLUMNS)));
    lines
}

fn summary(status: &Status) -> Vec<String> {
    let accounts = &status.accounts;
    let text = format!(
        "{} known: {} with an active device, {} only pending, {} without recovery codes.",
        count(accounts.known, "account"),
        accounts.with_active_device,
        accounts.pending_only,
        accounts.without_codes
    );
    wrap(&text, COLUMNS)
}

fn devices(devices: &[DeviceUse], room: usize) -> Vec<String> {
    if devices.is_empty() {
        return Vec::new();
    }
    // A blank line, the head, one device, and perhaps how many more there are.
    if room < 3 || (room == 3 && devices.len() > 1) {
        let pointer = "Devices: midclt 2fa device list".to_owned();
        return vec![String::new(), pointer];
    }
    let head = ["USER", "DEVICE", "STATE", "LAST USED (UTC)"];
    let mut rows = vec![head.map(str::to_owned)];
    let all_fit = devices.len() + 2 <= room;
    let shown = if all_fit { devices.len() } else { room - 3 };
    rows.extend(devices.iter().take(shown).map(row));
    let mut lines = vec![String::new()];
    lines.extend(table(&rows));
    if !all_fit {
        let more = devices.len() - shown;
        lines.push(format!("... and {more} more: midclt 2fa device list"));
    }
    lines
}

fn row(device: &DeviceUse) -> [String; 4] {
    [
        shorten(&device.username, 20),
        shorten(&device.name, 24),
        device.state.to_ascii_lowercase(),
        device
            .last_used
            .map_or("never".to_owned(), time::short_minute),
    ]
}
