//! Makes a TCP server that listens outside reachable inside a world, under the same loopback address, or the other way round.
//!
//! A socket belongs to the network namespace in which it was made: the listener is made on one side, connections to the server
//! are made on the other, and bytes are copied between them. TLS passes through untouched.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};

use crate::netns::Network;

/// A relay; ends when dropped.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    accepting: Option<JoinHandle<()>>,
}

/// Connects to the server, on its side.
type Connect = Box<dyn Fn() -> Result<TcpStream> + Send>;

impl Relay {
    pub(super) fn inward(network: &Network, server: SocketAddr) -> Result<Self> {
        let bound = network.inside(move || TcpListener::bind(server))?;
        let listener = bound.with_context(|| format!("listen on {server} inside"))?;
        Self::start(
            listener,
            Box::new(move || TcpStream::connect(server).map_err(Into::into)),
        )
    }

    pub(super) fn outward(
        network: &Network,
        listen: SocketAddr,
        server: SocketAddr,
    ) -> Result<Self> {
        let listener = TcpListener::bind(listen).with_context(|| format!("listen on {listen}"))?;
        let network = network.clone();
        Self::start(
            listener,
            Box::new(move || {
                network
                    .inside(move || TcpStream::connect(server))?
                    .map_err(Into::into)
            }),
        )
    }

    fn start(listener: TcpListener, connect: Connect) -> Result<Self> {
        let accepts = listener.try_clone().context("copy a listener")?;
        let accepting = spawn("relay", move || accept(&accepts, &connect))
            .map_err(|error| anyhow!("start a relay: {error}"))?;
        Ok(Self {
            listener,
            accepting: Some(accepting),
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Linux lets a blocked accept return with an error.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, connect: &Connect) {
    while let Ok((client, _)) = listener.accept() {
        // A connection that cannot be served is closed, which is what the client would see from a server that is down.
        let _ = serve(client, connect);
    }
}

fn serve(client: TcpStream, connect: &Connect) -> Result<()> {
    let server = connect()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_end, server_end) = (client.try_clone()?, server.try_clone()?);
    spawn("relay-up", move || copy(client_end, server_end))?;
    spawn("relay-down", move || copy(server, client))?;
    Ok(())
}

/// Copies one direction until it ends, and passes the end on.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
}
