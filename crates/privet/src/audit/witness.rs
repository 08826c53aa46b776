//! Witnesses over HTTP (C2SP tlog-witness): each is shown the newest checkpoint with the proof that it continues the last one
//! it signed, and gives its signature.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use privet_log::{Note, NoteKey, Signature, Signer};
use privet_policy::Settings;
use privet_server::SystemClock;
use privet_store::{LogHead, LogKey, Store};
use privet_types::Clock;

use super::{CONTRADICTED, Contradiction, INCOMPLETE, WitnessArgs, block_on, open};
use crate::rim;

/// How long a witness may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer read.
const MOST_BYTES: usize = 64 << 10;
/// How often a running gateway asks.
const EVERY: Duration = Duration::from_secs(60);

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The witnesses of the settings.
pub(crate) struct Witnesses {
    client: HttpClient,
    all: Vec<Witness>,
}

struct Witness {
    /// Where checkpoints are posted to.
    address: String,
    key: NoteKey,
}

/// What a witness answers.
enum Answer {
    Signed(String),
    /// The size of the last checkpoint that it signed.
    Last(u64),
}

impl Witnesses {
    /// Those that `settings` name.
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(PATIENCE));
        http.enforce_http(false);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let all = settings.witnesses.iter().map(|witness| {
            let key: NoteKey = witness
                .key
                .parse()
                .with_context(|| format!("the key of the witness `{}`", witness.url))?;
            if key.signer() != Signer::Witness {
                bail!("the key of the witness `{}` is that of a log", witness.url);
            }
            Ok(Witness {
                address: format!("{}/add-checkpoint", witness.url.trim_end_matches('/')),
                key,
            })
        });
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            all: all.collect::<Result<_>>()?,
        })
    }

    /// Lets each sign the newest checkpoint of the log of `key`, and stores what it gives. Returns how each fared; `None`
    /// if the log is empty.
    async fn ask(&self, store: &Store, key: &NoteKey) -> Result<Option<Vec<(&NoteKey, Result<u64>)>>> {
        let Some(head) = store.log_head(key).await? else {
            return Ok(None);
        };
        let mut fared = Vec::with_capacity(self.all.len());
        for witness in &self.all {
            fared.push((&witness.key, self.ask_one(store, witness, &head).await));
        }
        Ok(Some(fared))
    }

    async fn ask_one(&self, store: &Store, witness: &Witness, head: &LogHead) -> Result<u64> {
        let size = head.checkpoint.size;
        let mut last = store.last_cosigned(&witness.key).await?;
        if last >= size {
            return Ok(last);
        }
        // Who lost what was signed, or asks for the first time, is told by the witness itself.
        for _ in 0..2 {
            let body = store.growth_proof(last, head).await?.to_string();
            match self.post(&witness.address, body).await? {
                Answer::Signed(lines) => {
                    let line = checked(&lines, witness, head)?;
                    store
                        .keep_cosignature(head, SystemClock.now(), &witness.key, &line)
                        .await?;
                    return Ok(size);
                }
                Answer::Last(known) if known > size => {
                    return Err(Contradiction(format!(
                        "the witness has signed {known} leaves and the log has {size}: the store was set back"
                    ))
                    .into());
                }
                Answer::Last(known) => last = known,
            }
        }
        bail!(
            "`{}` does not say which checkpoint it signed last",
            witness.address
        )
    }

    async fn post(&self, address: &str, body: String) -> Result<Answer> {
        let request = Request::post(address)
            .header(USER_AGENT, concat!("privet/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(body)))?;
        let work = async {
            let answer = self.client.request(request).await;
            let answer = answer.with_context(|| format!("`{address}` cannot be reached"))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await;
            let bytes = body
                .map_err(|_| anyhow::anyhow!("`{address}` broke off"))?
                .to_bytes();
            let text =
                String::from_utf8(bytes.into()).with_context(|| format!("`{address}` answers no text"))?;
            let is_size = head
                .headers
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind == "text/x.tlog.size");
            match head.status {
                StatusCode::OK => Ok(Answer::Signed(text)),
                StatusCode::CONFLICT if is_size => {
                    let known = text.strip_suffix('\n').and_then(|text| text.parse().ok());
                    Ok(Answer::Last(
                        known.with_context(|| format!("`{address}` answers no size"))?,
                    ))
                }
                StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => Err(Contradiction(format!(
                    "`{address}` has signed another history of this log than the store has ({})",
                    head.status
                ))
                .into()),
                StatusCode::NOT_FOUND => bail!(
                    "`{address}` does not know this log; give the witness the public key: privet audit key"
                ),
                StatusCode::FORBIDDEN => bail!(
                    "`{address}` knows another key of this log; give the witness the public key: privet audit key"
                ),
                status => bail!("`{address}` answers {status}"),
            }
        };
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.with_context(|| format!("`{address}` does not answer"))?
    }
}

/// The witness's signature among `lines`, if it holds.
fn checked(lines: &str, witness: &Witness, head: &LogHead) -> Result<String> {
    let address = &witness.address;
    let lines = Note::parse_signatures(lines).with_context(|| format!("`{address}` gives no signature"))?;
    let of_witness = |line: &Signature| line.name == witness.key.name() && line.id == witness.key.id();
    let lines: Vec<Signature> = lines.into_iter().filter(of_witness).collect();
    let signed = Note::parse(head.note.as_bytes())?.with_signatures(lines);
    witness
        .key
        .check(&signed)
        .with_context(|| format!("`{address}`"))?;
    Ok(signed.signatures().iter().map(ToString::to_string).collect())
}

pub(super) fn run(args: &WitnessArgs) -> Result<ExitCode> {
    let settings = rim::settings(&args.config)?;
    let witnesses = Witnesses::of(&settings)?;
    if witnesses.all.is_empty() {
        bail!("the settings name no witness: [[witnesses]] url = \"...\", key = \"...\"");
    }
    block_on(async {
        let Some(log) = open(&settings).await? else {
            eprintln!("privet: there is no store yet, and so no log");
            return Ok(ExitCode::from(INCOMPLETE));
        };
        let fared = witnesses.ask(&log.store, &log.key).await;
        log.store.close().await;
        let Some(fared) = fared? else {
            eprintln!("privet: the log is empty; there is nothing to sign yet");
            return Ok(ExitCode::from(INCOMPLETE));
        };
        let mut status = 0;
        for (witness, outcome) in fared {
            match outcome {
                Ok(size) => rim::say(format_args!("{} has signed {size} leaves", witness.name()))?,
                Err(error) => {
                    eprintln!("privet: {}: {error:#}", witness.name());
                    let worse = if error.is::<Contradiction>() {
                        CONTRADICTED
                    } else {
                        2
                    };
                    status = if status == CONTRADICTED { status } else { worse };
                }
            }
        }
        Ok(ExitCode::from(status))
    })
}

/// Asks the witnesses each minute until `stopped`.
pub(crate) async fn run_witnesses(
    witnesses: Witnesses,
    store: Store,
    key: LogKey,
    stopped: impl Future<Output = ()>,
) {
    if witnesses.all.is_empty() {
        return;
    }
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let key = key.get();
        let asked = tokio::select! {
            () = &mut stopped => return,
            asked = witnesses.ask(&store, &key) => asked,
        };
        match asked {
            Ok(fared) => {
                for (witness, outcome) in fared.into_iter().flatten() {
                    if let Err(error) = outcome {
                        tracing::warn!(witness = witness.name(), error = %format!("{error:#}"), "a witness has not signed");
                    }
                }
            }
            Err(error) => tracing::warn!(error = %format!("{error:#}"), "the witnesses cannot be asked"),
        }
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
