//! Running examples, and places for their files.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// After this time a process is taken to hang. None of them needs a thousandth of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A built example. `cargo test` puts them beside the directory of the test programs.
pub fn example(name: &str) -> Command {
    let test = env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("it is in a directory");
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --examples` in the profile of the tests",
        program.display()
    );
    Command::new(program)
}

/// What an example that takes no arguments prints, if it succeeds and complains about nothing.
pub fn output_of(name: &str) -> String {
    let output = end(start(&mut example(name)));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout)
}

pub fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example can be run")
}

/// Waits for the end of a process, and collects what it has written.
pub fn end(child: Child) -> Output {
    let id = child.id();
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match ended.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("its output can be read"),
        Err(_) => {
            send_signal(id, "KILL");
            panic!("the process hangs");
        }
    }
}

/// Sends a signal to the process with this id.
pub fn send_signal(id: u32, signal: &str) {
    let command = format!("kill -s {signal} {id}");
    let status = Command::new("sh").args(["-c", &command]).status();
    assert!(status.expect("there is a shell").success());
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is text")
}

/// An empty directory for the files of one test. It stays if the test fails.
pub struct Place(PathBuf);

impl Place {
    pub fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("examples")
            .join(test);
        if path.exists() {
            fs::remove_dir_all(&path).expect("a former run left it");
        }
        fs::create_dir_all(&path).expect("the place is ours");
        Place(path)
    }

    pub fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.0.join(name.as_ref())
    }

    pub fn dir(&self, name: &str) {
        fs::create_dir(self.path(name)).expect("the directory is new");
    }

    pub fn file(&self, name: impl AsRef<OsStr>, content: &[u8]) {
        fs::write(self.path(name), content).expect("the file can be written");
    }

    /// A file that takes hours to read and no room.
    pub fn huge_file(&self, name: &str) {
        let file = File::create(self.path(name)).expect("the file is new");
        file.set_len(1 << 40).expect("files may have holes");
    }

    pub fn link(&self, name: &str, target: &str) {
        symlink(target, self.path(name)).expect("the link is new");
    }

    /// A pipe with a name: opening it waits until its other end is opened too.
    pub fn pipe(&self, name: &str) {
        let status = Command::new("mkfifo").arg(self.path(name)).status();
        assert!(status.expect("there is a mkfifo").success());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What cannot be removed now is removed by the next run.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
