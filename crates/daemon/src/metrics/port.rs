//! The metrics' port (B2.86, B6.170): plain HTTP on all addresses, as upstream's.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use plugin::LOG;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::service::Service;

/// Connections at a time; those beyond wait.
const MOST: usize = 8;
/// A connection, from its first byte to the last of the answer: anybody may connect.
const LIFE: Duration = Duration::from_secs(10);
/// Where the port is taken, as by a predecessor that ends, it is asked for again (Q44).
const PAUSE: Duration = Duration::from_secs(1);
/// What is read of a connection at a time.
const BUFFER: usize = 8 << 10;

/// Serves until it is dropped.
pub(crate) async fn serve(port: u16, service: Arc<Service>) {
    let listener = listen(port).await;
    let mut guests = JoinSet::new();
    loop {
        while guests.len() >= MOST {
            guests.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    guests.spawn(host(stream, Arc::clone(&service)));
                }
                Err(error) => {
                    LOG.debug(format_args!("cannot accept a connection for metrics: {error}"));
                    sleep(PAUSE).await;
                }
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

/// Tries until the port is ours, and says once that it is not.
async fn listen(port: u16) -> TcpListener {
    let mut told = false;
    loop {
        match bind(port).await {
            Ok(listener) => {
                LOG.verbose(format_args!("metrics are at port {port}"));
                return listener;
            }
            Err(error) if !told => {
                told = true;
                LOG.warning(format_args!("cannot listen on port {port} for metrics, which are at the socket meanwhile: {error}"));
            }
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

/// All addresses of both families, or of the one that the node has.
async fn bind(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        bound => bound,
    }
}

/// Answers one request.
async fn host(stream: TcpStream, service: Arc<Service>) {
    let answering = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer_anybody(&request).await) }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), answering);
    // A scraper that goes away or dawdles is nobody's trouble but its own.
    let _served = timeout(LIFE, connection).await;
}
