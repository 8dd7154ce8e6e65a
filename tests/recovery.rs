//! Never locked out: what `docs/recovery.md` says of each fault, typed as it stands there, by root on a
//! private machine, with the daemon's own user, the default socket and the built programs.

mod absent;
mod clocks;
mod crowd;
mod damaged;
mod disk;
mod hung;
mod loud;
mod overriding;
mod scene;
mod secrecy;
mod versions;
