//! What is in which package.

use clap_complete::Shell;

/// A package. Its `control` and its scripts are in `packaging/debian/NAME/`.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) files: &'static [File],
}

/// One file of a package.
#[derive(Debug)]
pub(super) struct File {
    pub(super) from: Origin,
    /// Its path below `/`. Files below `etc/` belong to the administrator.
    pub(super) to: &'static str,
}

/// Where a file comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A program that cargo built.
    Program(&'static str),
    /// The PAM module, which cargo built too. It is loaded, not run.
    Module(&'static str),
    /// A file of the repository.
    Copy(&'static str),
    /// The same, compressed as Debian has its documentation.
    Gzip(&'static str),
    /// midclt's completion for a shell.
    Completion(Shell),
    /// What else is built into a package of cargo's, with the licences.
    Crates(&'static str),
    /// What is new in this package, which is what is new in the product.
    Changelog,
}

use Origin::{Changelog, Completion, Copy, Crates, Gzip, Module, Program};

const fn file(from: Origin, to: &'static str) -> File {
    File { from, to }
}

pub(super) const PACKAGES: &[Package] = &[
    Package {
        name: "middlewared",
        files: &[
            file(Program("middlewared"), "usr/sbin/middlewared"),
            file(
                Copy("packaging/systemd/middlewared.service"),
                "usr/lib/systemd/system/middlewared.service",
            ),
            file(
                Copy("packaging/systemd/middlewared.socket"),
                "usr/lib/systemd/system/middlewared.socket",
            ),
            file(
                Program("middlewared-password"),
                "usr/lib/middlewared/middlewared-password",
            ),
            file(Copy("packaging/pam.d/middlewared"), "etc/pam.d/middlewared"),
            file(
                Copy("packaging/systemd/middlewared-password.socket"),
                "usr/lib/systemd/system/middlewared-password.socket",
            ),
            file(
                Copy("packaging/systemd/middlewared-password@.service"),
                "usr/lib/systemd/system/middlewared-password@.service",
            ),
            file(
                Copy("packaging/systemd/middlewared-entrance.socket"),
                "usr/lib/systemd/system/middlewared-entrance.socket",
            ),
            file(
                Copy("packaging/systemd/ssh.conf"),
                "usr/lib/systemd/system/ssh.service.d/middlewared.conf",
            ),
            file(
                Copy("packaging/systemd/ssh.conf"),
                "usr/lib/systemd/system/ssh@.service.d/middlewared.conf",
            ),
            file(
                Copy("packaging/systemd/sysusers.conf"),
                "usr/lib/sysusers.d/middlewared.conf",
            ),
            file(
                Copy("packaging/systemd/tmpfiles.conf"),
                "usr/lib/tmpfiles.d/middlewared.conf",
            ),
            file(Copy("packaging/config.toml"), "etc/middlewared/config.toml"),
            file(
                Gzip("docs/man/middlewared.8"),
                "usr/share/man/man8/middlewared.8.gz",
            ),
            file(
                Gzip("docs/man/middlewared.toml.5"),
                "usr/share/man/man5/middlewared.toml.5.gz",
            ),
            file(
                Gzip("docs/recovery.md"),
                "usr/share/doc/middlewared/recovery.md.gz",
            ),
            file(
                Gzip("docs/protocol.md"),
                "usr/share/doc/middlewared/protocol.md.gz",
            ),
            file(
                Gzip("CHANGELOG.md"),
                "usr/share/doc/middlewared/changelog.gz",
            ),
            file(Changelog, "usr/share/doc/middlewared/changelog.Debian.gz"),
            file(
                Copy("packaging/debian/copyright"),
                "usr/share/doc/middlewared/copyright",
            ),
            file(
                Crates("middlewared"),
                "usr/share/doc/middlewared/crates.txt.gz",
            ),
            file(
                Crates("password"),
                "usr/share/doc/middlewared/crates-password.txt.gz",
            ),
            file(
                Copy("packaging/debian/lintian-overrides"),
                "usr/share/lintian/overrides/middlewared",
            ),
        ],
    },
    Package {
        name: "midclt",
        files: &[
            file(Program("midclt"), "usr/bin/midclt"),
            file(Gzip("docs/man/midclt.1"), "usr/share/man/man1/midclt.1.gz"),
            file(
                Gzip("docs/man/midclt-2fa.1"),
                "usr/share/man/man1/midclt-2fa.1.gz",
            ),
            file(
                Completion(Shell::Bash),
                "usr/share/bash-completion/completions/midclt",
            ),
            file(
                Completion(Shell::Zsh),
                "usr/share/zsh/vendor-completions/_midclt",
            ),
            file(
                Completion(Shell::Fish),
                "usr/share/fish/vendor_completions.d/midclt.fish",
            ),
            file(Gzip("CHANGELOG.md"), "usr/share/doc/midclt/changelog.gz"),
            file(Changelog, "usr/share/doc/midclt/changelog.Debian.gz"),
            file(
                Copy("packaging/debian/copyright"),
                "usr/share/doc/midclt/copyright",
            ),
            file(Crates("midclt"), "usr/share/doc/midclt/crates.txt.gz"),
            file(
                Copy("packaging/debian/lintian-overrides"),
                "usr/share/lintian/overrides/midclt",
            ),
        ],
    },
    Package {
        name: "midclt-remote",
        files: &[
            file(Program("midclt-remote"), "usr/lib/midclt/midclt-remote"),
            file(
                Gzip("CHANGELOG.md"),
                "usr/share/doc/midclt-remote/changelog.gz",
            ),
            file(Changelog, "usr/share/doc/midclt-remote/changelog.Debian.gz"),
            file(
                Copy("packaging/debian/copyright"),
                "usr/share/doc/midclt-remote/copyright",
            ),
            file(
                Crates("remote"),
                "usr/share/doc/midclt-remote/crates.txt.gz",
            ),
            file(
                Copy("packaging/debian/lintian-overrides"),
                "usr/share/lintian/overrides/midclt-remote",
            ),
        ],
    },
    Package {
        name: "libpam-middleware",
        files: &[
            file(
                Module("libpam_middleware.so"),
                "usr/lib/@MULTIARCH@/security/pam_middleware.so",
            ),
            file(
                Gzip("docs/man/pam_middleware.8"),
                "usr/share/man/man8/pam_middleware.8.gz",
            ),
            file(
                Copy("packaging/systemd/middlewared-sshd.path"),
                "usr/lib/systemd/system/middlewared-sshd.path",
            ),
            file(
                Copy("packaging/systemd/middlewared-sshd.service"),
                "usr/lib/systemd/system/middlewared-sshd.service",
            ),
            file(
                Copy("packaging/systemd/middlewared-sshd.timer"),
                "usr/lib/systemd/system/middlewared-sshd.timer",
            ),
            file(
                Gzip("docs/man/pam_middleware.8"),
                "usr/share/man/man8/pam_middleware.8.gz",
            ),
            file(
                Gzip("CHANGELOG.md"),
                "usr/share/doc/libpam-middleware/changelog.gz",
            ),
            file(
                Changelog,
                "usr/share/doc/libpam-middleware/changelog.Debian.gz",
            ),
            file(
                Copy("packaging/debian/copyright"),
                "usr/share/doc/libpam-middleware/copyright",
            ),
            file(
                Crates("pam"),
                "usr/share/doc/libpam-middleware/crates.txt.gz",
            ),
            file(
                Copy("packaging/debian/lintian-overrides"),
                "usr/share/lintian/overrides/libpam-middleware",
            ),
        ],
    },
    Package {
        name: "middlewared-web",
        files: &[
            file(Program("middlewared-web"), "usr/sbin/middlewared-web"),
            file(Copy("packaging/web.toml"), "etc/middlewared/web.toml"),
            file(
                Copy("packaging/systemd/middlewared-web.service"),
                "usr/lib/systemd/system/middlewared-web.service",
            ),
            file(
                Copy("packaging/systemd/middlewared-web.socket"),
                "usr/lib/systemd/system/middlewared-web.socket",
            ),
            file(
                Copy("packaging/systemd/web-sysusers.conf"),
                "usr/lib/sysusers.d/middlewared-web.conf",
            ),
            file(
                Copy("packaging/systemd/web-tmpfiles.conf"),
                "usr/lib/tmpfiles.d/middlewared-web.conf",
            ),
            file(
                Gzip("docs/man/middlewared-web.8"),
                "usr/share/man/man8/middlewared-web.8.gz",
            ),
            file(
                Gzip("docs/web.md"),
                "usr/share/doc/middlewared-web/web.md.gz",
            ),
            file(
                Gzip("CHANGELOG.md"),
                "usr/share/doc/middlewared-web/changelog.gz",
            ),
            file(
                Changelog,
                "usr/share/doc/middlewared-web/changelog.Debian.gz",
            ),
            file(
                Copy("packaging/debian/copyright"),
                "usr/share/doc/middlewared-web/copyright",
            ),
            file(Crates("web"), "usr/share/doc/middlewared-web/crates.txt.gz"),
            file(
                Copy("packaging/debian/middlewared-web/lintian-overrides"),
                "usr/share/lintian/overrides/middlewared-web",
            ),
        ],
    },
];
