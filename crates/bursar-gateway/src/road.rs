//! The road to a provider: straight or through a proxy, TLS over it where it is asked for, one timeout over the whole.

use crate::proxies::Proxies;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Connections that are ready to be written to: TLS included, within a time.
#[derive(Clone)]
pub(crate) struct Road {
    https: HttpsConnector<Ground>,
    limit: Duration,
}

/// The connection did not stand in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", .0.as_secs())]
struct TooSlow(Duration);

impl Road {
    /// A road whose connections stand within `limit`, or not at all.
    pub(crate) fn new(tls: rustls::ClientConfig, proxies: Proxies, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Ground { tcp, proxies });
        Self { https, limit }
    }
}

impl Service<Uri> for Road {
    type Response = MaybeHttpsStream<Lane>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, limit) = (self.https.call(to), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(TooSlow(limit).into()),
            }
        })
    }
}

/// What TLS runs over.
#[derive(Clone)]
pub(crate) struct Ground {
    tcp: HttpConnector,
    proxies: Proxies,
}

impl Service<Uri> for Ground {
    type Response = Lane;
    type Error = BoxError;
    type Future = Connecting<Lane>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.towards(&to) else {
            let connecting = self.tcp.call(to);
            return Box::pin(async move { Ok(Lane { io: connecting.await?, through_proxy: false }) });
        };
        if to.scheme_str() == Some("https") {
            let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
            if let Some(authorization) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            let connecting = tunnel.call(to);
            return Box::pin(async move { Ok(Lane { io: connecting.await?, through_proxy: false }) });
        }
        let connecting = self.tcp.call(proxy.uri().clone());
        Box::pin(async move { Ok(Lane { io: connecting.await?, through_proxy: true }) })
    }
}

/// A connection to the provider, or to a proxy that reads the requests itself and so wants whole URLs.
pub(crate) struct Lane {
    io: TokioIo<TcpStream>,
    through_proxy: bool,
}

impl Connection for Lane {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.through_proxy)
    }
}

impl Read for Lane {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl Write for Lane {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}

/// The reason at the bottom of a failed connection, in one sentence for a client and a record.
pub(crate) fn why(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    loop {
        if let Some(error) = at.downcast_ref::<rustls::Error>() {
            return match error {
                rustls::Error::InvalidCertificate(_) => format!("its certificate is not trusted ({error})"),
                error => format!("TLS failed ({error})"),
            };
        }
        // An I/O error hides what it was made from: its source is the source of that.
        let inner = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let next: Option<&(dyn Error + 'static)> = match inner {
            Some(inner) => Some(inner),
            None => at.source(),
        };
        match next {
            Some(next) => at = next,
            None => return at.to_string(),
        }
    }
}
