//! Debian with our packages, as an administrator has it.

use super::{debian, try_each_form};

#[test]
fn the_console_asks_for_no_code_and_turns_it_off_by_each_form_of_the_line() {
    let mut guest = debian().start();
    let console = guest.console();
    console.log_in();
    console.run_ok("stty rows 24 cols 80");
    try_each_form(console);
    console.run_ok("midclt call auth.twofactor.update enabled=true");
    console.type_line("exit");
    console.log_in();
    console.run_ok("midclt 2fa disable --yes");
    console.type_line("poweroff");
    guest.wait_until_off();
}
