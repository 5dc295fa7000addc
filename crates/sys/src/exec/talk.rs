//! One conversation with a child: the request in, both streams out, the end of it, in one loop over `poll`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use cni::exec::{Output, Status};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio, read, write};
use rustix::process::Signal;

use super::Limits;
use super::capture::Capture;
use super::group::Group;
use super::spawn::Child;

/// How long a child may take to die by SIGKILL before it is left to itself.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// What a pipe holds at most: it can be emptied by one read.
const BLOCK: usize = 64 << 10;
/// How often to ask for the exit of a child where no descriptor tells it.
const ASK: Duration = Duration::from_millis(5);

/// Where the child is in its life, and when that must have ended.
enum Phase {
    /// Until the deadline of the call.
    Running(Instant),
    /// SIGTERM was sent.
    Terminating(Instant),
    /// SIGKILL was sent.
    Killing(Instant),
    /// The leader is a zombie; others may hold its pipes.
    Exited(Instant),
}

/// Writes `request` to the child and reads what it answers, until it has exited and its pipes are closed, or their grace is over.
/// Once it has something to read, there is time for something else.
pub(super) fn talk(
    child: Child,
    request: &[u8],
    deadline: Instant,
    limits: &Limits,
    meanwhile: impl FnOnce(),
) -> io::Result<Output> {
    let group = Group::of(child.leader);
    let mut talk = Talk::of(child, request, limits);
    let begun = talk.begin();
    meanwhile();
    begun?;
    converse(group, talk, deadline, limits)
}

fn converse(
    group: Group,
    mut talk: Talk<'_>,
    deadline: Instant,
    limits: &Limits,
) -> io::Result<Output> {
    let mut phase = Phase::Running(deadline);
    let mut timed_out = false;
    let ended = loop {
        let (Phase::Running(until)
        | Phase::Terminating(until)
        | Phase::Killing(until)
        | Phase::Exited(until)) = phase;
        let exited = matches!(phase, Phase::Exited(_));
        if exited && talk.are_closed() {
            break true;
        }
        let left = until.saturating_duration_since(Instant::now());
        let saw_exit = talk.turn((!exited).then_some(&group), left)?;
        if saw_exit && !exited {
            if timed_out {
                group.signal(Signal::KILL);
            }
            talk.stdin = None;
            phase = Phase::Exited(Instant::now() + limits.pipe_grace);
            continue;
        }
        let now = Instant::now();
        if now < until {
            continue;
        }
        phase = match phase {
            Phase::Running(_) => {
                timed_out = true;
                group.signal(Signal::TERM);
                Phase::Terminating(now + limits.term_grace)
            }
            Phase::Terminating(_) => {
                group.signal(Signal::KILL);
                Phase::Killing(now + KILL_GRACE)
            }
            Phase::Killing(_) => break false,
            Phase::Exited(_) => break true,
        };
    };
    let status = if ended {
        group.reap()?
    } else {
        Status::TimedOut
    };
    Ok(Output {
        status: if timed_out { Status::TimedOut } else { status },
        stdout_cut: talk.out.dropped() > 0,
        stdout: talk.out.into_bytes(),
        stderr: talk.err.into_bytes(),
    })
}

struct Talk<'a> {
    request: &'a [u8],
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    out: Capture,
    err: Capture,
    /// What was read last. Never filled with zeros: most of it is never touched.
    buffer: Vec<u8>,
}

impl<'a> Talk<'a> {
    fn of(child: Child, request: &'a [u8], limits: &Limits) -> Self {
        Self {
            request,
            stdin: Some(child.stdin),
            stdout: Some(child.stdout),
            stderr: Some(child.stderr),
            out: Capture::head(limits.stdout),
            err: Capture::head_and_tail(limits.stderr),
            buffer: Vec::with_capacity(BLOCK),
        }
    }

    /// Writes what the pipe takes.
    fn begin(&mut self) -> io::Result<()> {
        let ours = [
            self.stdin.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        for end in ours.into_iter().flatten() {
            ioctl_fionbio(end, true)?;
        }
        self.feed();
        Ok(())
    }

    fn are_closed(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Waits for at most `left`, moves what can be moved, and says whether `group`'s leader has exited.
    fn turn(&mut self, group: Option<&Group>, left: Duration) -> io::Result<bool> {
        let exit = group.and_then(Group::exit_fd);
        let ask = group.is_some() && exit.is_none();
        let sources = [
            self.stdin.as_ref().map(|end| (end.as_fd(), PollFlags::OUT)),
            self.stdout.as_ref().map(|end| (end.as_fd(), PollFlags::IN)),
            self.stderr.as_ref().map(|end| (end.as_fd(), PollFlags::IN)),
            exit.map(|end| (end, PollFlags::IN)),
        ];
        let [stdin, stdout, stderr, exit] = ready(sources, if ask { left.min(ASK) } else { left })?;
        if stdin {
            self.feed();
        }
        if stdout
            && self
                .stdout
                .as_ref()
                .is_some_and(|end| drain(end.as_fd(), &mut self.buffer, &mut self.out))
        {
            self.stdout = None;
        }
        if stderr
            && self
                .stderr
                .as_ref()
                .is_some_and(|end| drain(end.as_fd(), &mut self.buffer, &mut self.err))
        {
            self.stderr = None;
        }
        Ok(exit || (ask && group.is_some_and(Group::has_exited)))
    }

    /// Writes more of the request. A child may stop reading whenever it likes; that is its business.
    fn feed(&mut self) {
        let Some(end) = &self.stdin else { return };
        match write(end, self.request) {
            Ok(count) => self.request = self.request.get(count..).unwrap_or_default(),
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(_closed) => self.request = &[],
        }
        if self.request.is_empty() {
            self.stdin = None;
        }
    }
}

/// Reads once; true at the end of the stream.
fn drain(end: BorrowedFd<'_>, buffer: &mut Vec<u8>, capture: &mut Capture) -> bool {
    buffer.clear();
    match read(end, spare_capacity(buffer)) {
        Ok(0) => true,
        Ok(_) => {
            capture.push(buffer);
            false
        }
        Err(Errno::AGAIN | Errno::INTR) => false,
        Err(_broken) => true,
    }
}

/// Which of the sources can be moved on without waiting, after waiting for at most `left`.
fn ready<const N: usize>(
    sources: [Option<(BorrowedFd<'_>, PollFlags)>; N],
    left: Duration,
) -> io::Result<[bool; N]> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(N);
    fds.extend(
        sources
            .iter()
            .flatten()
            .map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)),
    );
    // One far in the future (a century) is as good as none.
    let left = Timespec::try_from(left).ok();
    match poll(&mut fds, left.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok([false; N]),
        Err(error) => return Err(error.into()),
    }
    let mut polled = fds.iter();
    Ok(sources
        .map(|source| source.is_some() && polled.next().is_some_and(|fd| !fd.revents().is_empty())))
}

#[cfg(test)]
mod tests {
    use super::super::spawn::{Pipes, spawn};
    use super::*;
    use crate::testing::script;

    #[test]
    fn an_exit_is_noticed_without_a_descriptor_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let program = script(directory.path(), "plugin", "cat; sleep 0.1; exit 3");
        let environment = [c"PATH=/usr/bin:/bin"].into_iter();
        let child = spawn(&program, environment, Pipes::new().unwrap()).unwrap();
        let limits = Limits::default();
        let group = Group::without_exit_fd(child.leader);
        let mut talk = Talk::of(child, b"text", &limits);
        talk.begin().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let output = converse(group, talk, deadline, &limits).unwrap();
        assert_eq!(
            (output.status, output.stdout.as_slice()),
            (Status::Exited(3), b"text".as_slice())
        );
    }
}
