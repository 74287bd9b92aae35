//! Secrets on their way in and out: never an argument, never in a file that others can read.

use crate::cli::SecretOutput;
use crate::failure::{Exit, Failure, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// Longest token file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The token in a file, on standard input (`-`), or typed at a prompt.
pub fn read_token(file: Option<&Path>) -> Result<String> {
    let text = match file {
        Some(path) if path == Path::new("-") => read_all(io::stdin().lock())
            .map_err(|error| Failure::usage(format!("the token on standard input cannot be read: {error}"), ""))?,
        Some(path) => File::open(path).and_then(read_all).map_err(|error| {
            let message = format!("the token file {} cannot be read: {error}", path.display());
            Failure::usage(message, "name a file that holds the token and nothing else")
        })?,
        None if io::stdin().is_terminal() => rpassword::prompt_password("Admin token: ")
            .map_err(|error| Failure::usage(format!("no token could be read: {error}"), "use --token-file"))?,
        None => {
            let fix = "give --token-file FILE, or --token-file - and the token on standard input";
            return Err(Failure::usage("--server needs an admin token", fix));
        }
    };
    let token = text.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Failure::usage("that is not a token", "the file has to hold the token and nothing else"));
    }
    Ok(token.to_owned())
}

fn read_all(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A file that will hold a secret. It is made before the secret is, so that no secret is made and then lost; it is
/// taken away again if the secret never comes.
pub struct SecretFile {
    target: PathBuf,
    written_to: PathBuf,
    file: File,
    kept: bool,
}

impl SecretFile {
    /// The file of `--output-file`, if there is one: new, or with `--force` in the place of the old one.
    pub fn open(output: &SecretOutput) -> Result<Option<Self>> {
        let Some(target) = output.output_file.clone() else { return Ok(None) };
        let written_to = if output.force { beside(&target) } else { target.clone() };
        let file = create(&written_to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let message = format!("{} exists already", written_to.display());
                Failure::new(Exit::Conflict, message, "name another file, or replace it with --force")
            }
            _ => {
                let message = format!("{} cannot be written: {error}", written_to.display());
                Failure::new(Exit::Failed, message, "name a file in a folder that you may write to")
            }
        })?;
        Ok(Some(Self { target, written_to, file, kept: false }))
    }

    /// Writes the secret; the path of the file comes back.
    pub fn keep(mut self, secret: &str) -> Result<PathBuf> {
        let written = self.file.write_all(secret.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        let done = written.and_then(|()| self.file.sync_all()).and_then(|()| {
            if self.written_to == self.target { Ok(()) } else { fs::rename(&self.written_to, &self.target) }
        });
        done.map_err(|error| {
            let fix = "the token exists but is lost: revoke it and make another";
            Failure::new(Exit::Failed, format!("{} cannot be written: {error}", self.target.display()), fix)
        })?;
        self.kept = true;
        Ok(self.target.clone())
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.written_to);
        }
    }
}

/// A file that is either not there or whole: it is written beside its place, and moved there at the end.
pub struct FileBeside {
    target: PathBuf,
    written_to: PathBuf,
    file: io::BufWriter<File>,
    kept: bool,
}

impl FileBeside {
    /// Begins one, for its owner alone. One that is there already is only replaced with `force`.
    pub fn create(target: &Path, force: bool) -> Result<Self> {
        if !force && target.try_exists().unwrap_or(true) {
            let message = format!("{} exists already", target.display());
            return Err(Failure::new(Exit::Conflict, message, "name another file, or replace it with --force"));
        }
        let written_to = beside(target);
        let file = create(&written_to).map_err(|error| unwritable(target, &error))?;
        Ok(Self { target: target.to_owned(), written_to, file: io::BufWriter::new(file), kept: false })
    }

    /// Writes on.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| unwritable(&self.target, &error))
    }

    /// Everything so far is on the disk; where it stands for now.
    pub fn synced(&mut self) -> Result<&Path> {
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        done.map_err(|error| unwritable(&self.target, &error))?;
        Ok(&self.written_to)
    }

    /// Moves it to its place.
    pub fn keep(mut self) -> Result<()> {
        self.synced()?;
        let folder = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let moved = fs::rename(&self.written_to, &self.target)
            .and_then(|()| File::open(folder.unwrap_or(Path::new("."))))
            .and_then(|folder| folder.sync_all());
        moved.map_err(|error| unwritable(&self.target, &error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for FileBeside {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.written_to);
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("{} cannot be written: {error}", path.display());
    Failure::new(Exit::Failed, message, "name a file in a folder that you may write to, with room on its disk")
}

/// A new file that only its owner reads; a link in its place is not followed.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Asks before something is taken away. Without a terminal there is nobody to ask: `--yes` is needed.
pub fn confirm(effect: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("this would {effect}, and nobody is there to ask"), "add --yes"));
    }
    crate::output::write_err(&format!("This will {effect}. Go on? [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "nothing was changed", ""))
}
