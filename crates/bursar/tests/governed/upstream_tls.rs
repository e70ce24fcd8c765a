//! Providers behind TLS: HTTP/1.1 and HTTP/2 as they agree on, private authorities, and certificates that are not trusted.

use crate::house::{House, asking, nanos, priced};
use crate::process::Process;
use bursar_mock::Mock;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::task::AbortOnDropHandle;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";

/// An authority of one's own.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("its certificate is written");
        Self { issuer, folder }
    }

    /// Its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// TLS with a certificate for `name`, over which `protocols` are spoken.
    pub(crate) fn acceptor(&self, name: &str, protocols: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A server with a certificate for `name` that speaks `protocols` and passes everything on to `provider`.
    pub(crate) async fn front(&self, name: &str, protocols: &[&str], provider: SocketAddr) -> Front {
        let acceptor = self.acceptor(name, protocols);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (accepted, agreed) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(parking_lot::Mutex::new(Vec::new())));
        let serving = serve(listener, acceptor, provider, accepted.clone(), agreed.clone());
        Front { addr, accepted, agreed, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }
}

/// A server that speaks TLS in front of the fake provider.
pub(crate) struct Front {
    pub(crate) addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    /// The protocol of each connection that stood.
    agreed: Arc<parking_lot::Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    provider: SocketAddr,
    accepted: Arc<AtomicUsize>,
    agreed: Arc<parking_lot::Mutex<Vec<String>>>,
) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::AcqRel);
        let (acceptor, agreed) = (acceptor.clone(), agreed.clone());
        connections.spawn(async move {
            let Ok(mut client) = acceptor.accept(stream).await else { return };
            let protocol = client.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            agreed.lock().push(String::from_utf8(protocol.unwrap_or_default()).expect("a protocol"));
            let Ok(mut behind) = TcpStream::connect(provider).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut client, &mut behind).await;
        });
    }
}

/// A provider `secure` at `base_url` that serves the model `safe`.
pub(crate) fn secure(base_url: &str, more: &str) -> String {
    format!(
        "{DAILY}[providers.secure]\nfamily = \"openai\"\nbase_url = \"{base_url}\"\n{more}\n\
         credential = {{ env = \"FAKE_KEY\" }}\nprices = \"fake\"\nconnect_timeout_s = 2\nfirst_byte_timeout_s = 20\n\
         [models.\"safe\"]\ndeployments = [{{ provider = \"secure\", model = \"small\", price = {{ input = \"1\", output = \"2\", context = 200000, max_output = 4096 }} }}]\n"
    )
}

/// A request for the model `safe`.
pub(crate) fn ask(stream: bool) -> Value {
    let mut body = asking("out=40 in=10", stream);
    body["model"] = json!("safe");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_behind_tls_answers_in_the_version_it_agrees_on() {
    let authority = Authority::new();
    let versions: [(&[&str], &str); 3] =
        [(&["h2", "http/1.1"], "h2"), (&["http/1.1"], "http/1.1"), (&[], "")];
    for (offered, expected) in versions {
        let provider = Mock::start(priced()).await.unwrap();
        let front = authority.front("localhost", offered, provider.addr()).await;
        let ca = format!("ca_file = {:?}", authority.file());
        let house =
            House::with(priced(), &secure(&format!("https://localhost:{}/v1", front.addr.port()), &ca)).await;
        for (number, stream) in [false, true, false].into_iter().enumerate() {
            let answer = house.chat(&ask(stream)).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            assert_eq!(stream, answer.body.ends_with(b"data: [DONE]\n\n"));
            let record = house.latest(number + 1).await;
            assert_eq!((&record["status"], &record["estimated"]), (&json!("completed"), &json!(false)));
        }
        provider.idle().await;
        assert_eq!(nanos(&house.settled("daily").await["settled"]), provider.total().nanos());
        assert_eq!(provider.received(), 3);
        let probed = house.admin("POST", "/providers/secure/test", &Value::Null).await;
        assert_eq!(probed["items"][0]["ok"], json!(true), "a probe trusts whom requests trust: {probed}");
        let agreed = front.agreed.lock().clone();
        assert!(!agreed.is_empty() && agreed.iter().all(|version| version == expected), "{agreed:?}");
        assert!(
            agreed.len() <= 3,
            "connections are kept: one for each worker and the probe, not {}",
            agreed.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_said_and_costs_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let provider = Mock::start(priced()).await.unwrap();
    let named = authority.front("localhost", &["h2"], provider.addr()).await;
    let misnamed = authority.front("elsewhere.test", &["h2"], provider.addr()).await;
    let cases = [
        (&named, String::new(), "not trusted", "whom the platform does not know"),
        (&named, format!("ca_file = {:?}", other.file()), "BadSignature", "another authority's"),
        (&misnamed, format!("ca_file = {:?}", authority.file()), "not valid for name", "another server's"),
    ];
    for (front, ca, why, what) in cases {
        let house =
            House::with(priced(), &secure(&format!("https://localhost:{}/v1", front.addr.port()), &ca)).await;
        for stream in [false, true] {
            let answer = house.chat(&ask(stream)).await;
            let error = answer.json()["error"].clone();
            assert_eq!(
                (answer.status, &answer.json()["bursar"]["code"]),
                (502, &json!("E-ROUTE-003")),
                "{what}: {error}"
            );
            let message = error["message"].as_str().unwrap();
            assert!(
                message.contains("its certificate is not trusted") && message.contains(why),
                "{what}: {message}"
            );
        }
        let window = house.settled("daily").await;
        assert_eq!((&window["settled"], &window["suspense"]), (&json!("0"), &json!("0")), "{what}");
        assert!(front.accepted.load(Ordering::Acquire) > 0, "it was asked");
    }
    assert_eq!(provider.received(), 0);
}

/// Whom the platform trusts is trusted, and nobody else: one authority takes the place of the platform's roots, then goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_the_platform_trusts_needs_no_file_of_its_own() {
    let authority = Authority::new();
    let provider = Mock::start(priced()).await.unwrap();
    let front = authority.front("localhost", &["h2", "http/1.1"], provider.addr()).await;
    let mut process = Process::new(&provider);
    let config = std::fs::read_to_string(process.config()).unwrap();
    let more = secure(&format!("https://localhost:{}/v1", front.addr.port()), "");
    std::fs::write(process.config(), format!("{config}{more}")).unwrap();
    let roots = authority.file();
    for (variables, status) in [(vec![("SSL_CERT_FILE", roots.as_os_str())], 200), (vec![], 502)] {
        process.start_with(&variables).await;
        let made = process.admin("POST", "/keys", &json!({"project": "alpha"})).await;
        let headers = [
            ("authorization", format!("Bearer {}", made["key"].as_str().unwrap())),
            ("content-type", "application/json".to_owned()),
        ];
        let url = format!("{}/v1/chat/completions", process.base);
        let body = ask(false).to_string().into_bytes();
        let answer = process.http.send("POST", &url, &headers, body).await.unwrap();
        assert_eq!(answer.status, status, "{variables:?}: {}", String::from_utf8_lossy(&answer.body));
        process.kill();
    }
    assert_eq!(provider.received(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stalls_counts_as_no_connection() {
    // Accepts connections in the kernel and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}/v1", silent.local_addr().unwrap().port());
    let house = House::with(priced(), &secure(&base, "")).await;
    let answer = house.chat(&ask(false)).await;
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &answer.json()["bursar"]["code"]), (502, &json!("E-ROUTE-003")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("no connection within 2 s"), "{error}");
    let window = house.settled("daily").await;
    assert_eq!((&window["settled"], &window["suspense"]), (&json!("0"), &json!("0")));
}
