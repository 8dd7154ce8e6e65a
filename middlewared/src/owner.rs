//! Programs that run as the owner of the state, whoever starts them: nothing in the state directory ever
//! belongs to anybody else.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use nix::unistd::getuid;

/// Follows `/proc/self/exe` also where the owner of the state may not look into our directory.
const OURSELVES: &str = "/proc/self/exe";

/// This program, to be started anew as the owner of a state directory; it still needs its arguments.
///
/// It takes uid and gid of the directory, and no other group, before it is a program of ours: `Command`
/// calls setgroups(2), setgid(2) and setuid(2) in this order, which as root leave no way back. Who is not
/// root stays who it is.
pub(crate) fn again(state_dir: &Path) -> io::Result<Command> {
    let owner = fs::metadata(state_dir)?;
    let mut command = Command::new(OURSELVES);
    command.arg0("middlewared").current_dir("/");
    if getuid().is_root() && owner.uid() != 0 {
        command.gid(owner.gid()).uid(owner.uid());
    }
    for (name, _) in env::vars_os() {
        // What is in force comes with the arguments or on standard input.
        if name.to_string_lossy().starts_with("MIDDLEWARED_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}
