//! What guests boot: Debian's kernel for clouds, a first file system, and Debian itself as a disk.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::cache::Recipe;
use super::cpio::{Archive, Entry};

/// Debian's current kernel, and its busybox, which needs no libraries.
const KERNEL: &str = r#"
apt-get update -qq
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
apt-get download -qq "$kernel" busybox-static 2>&1
for package in *.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x; done
mv boot/vmlinuz-* vmlinuz
mv bin/busybox busybox
find lib -name '*.ko' -exec mv -t . {} +
rm -rf bin boot lib usr ./*.deb
"#;

/// Debian without what only readers need. Its package manager is left out too: dpkg is there.
const DEBIAN: &str = r"
mmdebstrap --quiet --variant=minbase \
    --include=udev,systemd-sysv,openssh-server,login,iproute2 \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    bookworm root
rm -rf root/var/cache/apt root/var/lib/apt/lists
";

/// Debian with packages installed, the words of [`super::ACCOUNTS`], and 200 MiB of free space. The
/// first argument is the directory of Debian.
const DISK: &str = r#"
debian=$1
shift
mount -t tmpfs -o mode=755 image /mnt
mkdir /mnt/up /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$debian/root,upperdir=/mnt/up,workdir=/mnt/work" image /mnt/root
mkdir /mnt/root/packages
cp "$@" /mnt/root/packages/
mount -t proc proc /mnt/root/proc
chroot /mnt/root bash -euc '
    dpkg --install /packages/*.deb
    rm -r /packages
    useradd --create-home --shell /bin/bash alice
    printf "root:root-password\nalice:alice-password\n" | chpasswd -c SHA512 -s 1000
' >&2
umount /mnt/root/proc
echo guest > /mnt/root/etc/hostname
printf '127.0.0.1 localhost guest\n' > /mnt/root/etc/hosts
size=$(($(du -sm /mnt/root | cut -f1) * 115 / 100 + 232))
mke2fs -q -t ext4 -d /mnt/root disk "${size}M"
"#;

/// Modules, each after those that it needs.
const MODULES: [&str; 9] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
    "failover",
    "net_failover",
    "virtio_net",
];

/// The first process. `$guest` comes from the kernel's command line: `rw` or `ro` boots the disk with
/// its root so mounted, `disk` mounts it below a shell, and without it there is a shell alone.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev /run /tmp /mnt /etc
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
$b --install -s /bin
for module in $(cat /modules/order); do insmod "/modules/$module.ko"; done
case $guest in
rw | ro | disk)
    until [ -b /dev/vda ]; do usleep 20000; done
    ;;
esac
case $guest in
rw | ro)
    if [ -e /sys/class/net/eth0 ]; then
        ip address add 10.0.2.15/24 dev eth0
        ip link set eth0 up
    fi
    mount -t ext4 -o "$guest" /dev/vda /mnt || exec sh
    umount /proc /sys
    mount --move /dev /mnt/dev
    exec switch_root /mnt /sbin/init
    ;;
disk) mount -t ext4 /dev/vda /mnt ;;
esac
export PS1='busybox# '
while :; do setsid cttyhack sh; done
"#;

/// The kernel's file.
pub(super) fn kernel() -> PathBuf {
    kernel_directory().join("vmlinuz")
}

/// A disk with Debian and these packages.
pub(super) fn debian(packages: &[PathBuf]) -> PathBuf {
    let debian = Recipe {
        kind: "debian",
        script: DEBIAN,
        from: &[],
    };
    let mut from = vec![debian.made()];
    from.extend_from_slice(packages);
    let disk = Recipe {
        kind: "disk",
        script: DISK,
        from: &from,
    };
    disk.made().join("disk")
}

/// Writes a first file system with busybox, and these programs beside it.
pub(super) fn write_initramfs(to: &Path, programs: &[PathBuf]) {
    let kernel = kernel_directory();
    let read = |file: &Path| {
        fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
    };
    let mut files = vec![
        ("init".to_owned(), INIT.into()),
        ("bin/busybox".to_owned(), read(&kernel.join("busybox"))),
        ("modules/order".to_owned(), MODULES.join("\n").into()),
    ];
    for module in MODULES {
        let name = format!("{module}.ko");
        files.push((format!("modules/{name}"), read(&kernel.join(&name))));
    }
    for program in programs {
        let name = program.file_name().expect("a program has a name").display();
        files.push((format!("bin/{name}"), read(program)));
    }
    let file = File::create(to).expect("create the first file system");
    let mut archive = Archive::new(BufWriter::new(file));
    for directory in ["bin", "modules"] {
        archive.add(directory, Entry::Directory).unwrap();
    }
    for (path, content) in &files {
        archive.add(path, Entry::File(0o755, content)).unwrap();
    }
    archive.finish().expect("write the first file system");
}

/// Makes an empty disk with a file system.
pub(super) fn write_empty_disk(to: &Path, size: &str) {
    let mut command = std::process::Command::new("mke2fs");
    command.args(["-q", "-t", "ext4"]).arg(to).arg(size);
    let output = crate::run_with_deadline(&mut command, std::time::Duration::from_secs(30));
    assert!(output.status.success(), "{output:?}");
}

fn kernel_directory() -> PathBuf {
    let recipe = Recipe {
        kind: "kernel",
        script: KERNEL,
        from: &[],
    };
    recipe.made()
}
