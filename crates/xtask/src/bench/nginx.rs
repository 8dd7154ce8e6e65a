//! The peer of the pages: nginx, serving the same bytes with the same certificate.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::server::in_path;

/// A server in a private directory. It is asked to end when this value goes.
#[derive(Debug)]
pub(super) struct Nginx {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Nginx {
    /// Serves one page at every path.
    pub(super) fn start(directory: &Path, certificates: &Path, page: &str) -> Result<Self> {
        let program = in_path("nginx", "nginx-light")?;
        fs::write(directory.join("page.html"), page)?;
        // The port is free now; nobody else here asks for one.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration(directory, certificates, address))?;
        let mut command = Command::new(program);
        command.arg("-e").arg(directory.join("error.log"));
        command.arg("-p").arg(directory).arg("-c").arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().context("cannot start nginx")?;
        let nginx = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            ensure!(Instant::now() < deadline, "nginx does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(nginx)
    }
}

/// As Debian has it, but for what names files: two workers, as ours has two threads.
fn configuration(directory: &Path, certificates: &Path, address: SocketAddr) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", directory.display()))
        .concat();
    format!(
        "daemon off;\nuser root;\nworker_processes 2;\npid {directory}/pid;\nevents {{ worker_connections 768; }}\n\
         http {{\n{temporary}sendfile on;\ntcp_nopush on;\naccess_log off;\ndefault_type text/html;\n\
         server {{\nlisten {address} ssl;\nssl_certificate {certificates}/certificate.pem;\n\
         ssl_certificate_key {certificates}/key.pem;\nssl_protocols TLSv1.2 TLSv1.3;\nroot {directory};\n\
         location / {{ try_files /page.html =404; }}\n}}\n}}\n",
        directory = directory.display(),
        certificates = certificates.display(),
    )
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it, if it is asked.
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        if !pid.is_ok_and(|pid| kill(pid, Signal::SIGTERM).is_ok()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
