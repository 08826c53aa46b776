//! `privet demo`: a gateway between you and a provider of its own, to watch.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use privet_access::create_key;
use privet_demo::client::Client;
use privet_demo::columns::{self, Layout, Line, Views, extract};
use privet_demo::script::{self, Private, scripted_conversation};
use privet_demo::{Cuts, Exchange, Front, Provider, ProviderConfig, Recording};
use privet_policy::{Policy, Settings};
use privet_server::{SystemClock, Telemetry};
use privet_types::{Entity, KeyScopes, Secret, SurfaceKind, TenantId};
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::access::Access;
use crate::cli::{DemoArgs, Style};
use crate::node::Node;
use crate::policy_watch::Seen;
use crate::{rim, serve};

/// Width of the columns where the output is no terminal.
const PLAIN_WIDTH: usize = 120;
/// Characters shown of a body that cannot be read.
const MOST_SHOWN: usize = 2_000;
/// Where the provider cuts its chunks is chosen from this number, so that every run shows the same.
const CUTS: u64 = 7;

/// Provider, gateway and the window between you and them, on ports of their own.
struct Demo {
    provider: Provider,
    front: Front,
    exchanges: UnboundedReceiver<Exchange>,
    key: Secret<String>,
    stop: oneshot::Sender<()>,
    gateway: JoinHandle<Result<()>>,
    _folder: TempDir,
}

pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("privet-demo-")
        .tempdir()
        .context("cannot make a folder")?;
    let style = match args.style {
        Style::Tag => "tag",
        Style::Realistic => "realistic",
    };
    let policy = Policy::parse(
        &format!("[pii]\nstyle = \"{style}\"\n"),
        &folder.path().join("policy.toml"),
    )?;
    // The provider has to be there before the settings can name it.
    serve::runtime()?.block_on(async {
        let demo = Demo::start(folder, policy, if args.once { 0 } else { args.port }).await?;
        if args.once {
            demo.once().await
        } else {
            demo.live().await
        }
    })
}

fn settings(provider: std::net::SocketAddr, folder: &TempDir) -> Result<Settings> {
    let text = format!(
        r#"
listen = "127.0.0.1:0"
[[providers]]
name = "demo-openai"
dialect = "openai"
base_url = "http://{provider}/v1"
[[providers]]
name = "demo-anthropic"
dialect = "anthropic"
base_url = "http://{provider}"
[[models]]
match = "claude-*"
provider = "demo-anthropic"
[[models]]
match = "*"
provider = "demo-openai"
"#
    );
    Ok(Settings::parse(&text, &folder.path().join("privet.toml"))?)
}

impl Demo {
    async fn start(folder: TempDir, policy: Policy, port: u16) -> Result<Self> {
        let config = ProviderConfig {
            cuts: Cuts::Awkward(CUTS),
            ..ProviderConfig::default()
        };
        let provider = Provider::start(config).await?;
        let settings = settings(provider.addr(), &folder)?;
        let root = privet_crypto::RootKey::generate()?;
        let seen = Seen::now(&settings, &[]);
        let node = Node::start(
            settings,
            (Access::shipped(policy)?, seen),
            None,
            root,
            (None, || None),
            std::collections::BTreeMap::new(),
            (Telemetry::default(), None),
        )
        .await?;
        let principal = "demo".parse()?;
        let new = create_key(
            &node.store,
            &node.root,
            &TenantId::default(),
            &principal,
            KeyScopes::default(),
            None,
            &SystemClock,
        )
        .await?;
        let (sender, exchanges) = mpsc::unbounded_channel();
        let front = match Front::start(port, node.address(), sender.clone()).await {
            Ok(front) => front,
            Err(_) if port != 0 => Front::start(0, node.address(), sender).await?,
            Err(error) => return Err(error.into()),
        };
        let (stop, stopped) = oneshot::channel();
        let gateway = tokio::spawn(node.run(async {
            let _ = stopped.await;
        }));
        Ok(Self {
            provider,
            front,
            exchanges,
            key: new.key,
            stop,
            gateway,
            _folder: folder,
        })
    }

    async fn end(self) -> Result<()> {
        self.front.stop().await;
        // An error means that the gateway has ended already.
        let _ = self.stop.send(());
        self.gateway.await??;
        self.provider.stop().await;
        Ok(())
    }

    /// Shows every exchange as it happens, until interrupted.
    async fn live(mut self) -> Result<ExitCode> {
        let shutdown = serve::shutdown_signal()?;
        tokio::pin!(shutdown);
        rim::say(format_args!(
            "{}",
            introduction(self.front.addr(), self.key.expose())
        ))?;
        loop {
            let exchange = tokio::select! {
                exchange = self.exchanges.recv() => exchange,
                () = &mut shutdown => break,
            };
            let Some(exchange) = exchange else { break };
            let seen = self.provider.take_recordings();
            rim::say(format_args!("{}", show(&exchange, &seen)))?;
        }
        rim::say(format_args!("\nended; its keys, store and log are gone"))?;
        self.end().await?;
        Ok(ExitCode::SUCCESS)
    }

    /// Runs the scripted conversation in both dialects, whole and streamed, and says whether anything private got out.
    async fn once(mut self) -> Result<ExitCode> {
        let script = scripted_conversation();
        let client = Client::new(self.front.addr(), Some(self.key.clone()));
        let mut private = script.private.clone();
        private.push(Private {
            entity: Entity::API_KEY,
            value: self.key.expose().clone(),
        });
        let (mut leaks, mut lost, mut requests) = (Vec::new(), Vec::new(), 0);
        for (surface, model) in [
            (SurfaceKind::OpenaiChat, "demo"),
            (SurfaceKind::OpenaiResponses, "demo"),
            (SurfaceKind::AnthropicMessages, "claude-demo"),
        ] {
            for is_stream in [true, false] {
                let steps = script.run(&client, surface, model, is_stream).await?;
                let seen = self.provider.take_recordings();
                requests += seen.len();
                let is_shown = surface == SurfaceKind::OpenaiChat && is_stream;
                let mut rest = seen.as_slice();
                while let Ok(exchange) = self.exchanges.try_recv() {
                    let (mine, others) = rest.split_at_checked(1).unwrap_or((rest, &[]));
                    if is_shown {
                        rim::say(format_args!("{}", show(&exchange, mine)))?;
                    }
                    rest = others;
                }
                leaks.extend(script::check(&seen, &private));
                lost.extend(
                    script::lost(&steps, &script.private)
                        .into_iter()
                        .map(|p| p.entity),
                );
                let left = script::stand_ins(&steps).len();
                if left > 0 {
                    bail!("{left} surrogates were left in the replies");
                }
            }
        }
        self.end().await?;
        let values = script.private.len();
        for leak in &leaks {
            rim::say(format_args!("LEAK: {leak}"))?;
        }
        for entity in &lost {
            rim::say(format_args!("LOST: a value of kind {entity} did not come back"))?;
        }
        if leaks.is_empty() && lost.is_empty() {
            rim::say(format_args!(
                "{values} private values in {requests} requests (OpenAI and Anthropic, streamed and whole): none reached \
                 the provider, all came back"
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::FAILURE)
    }
}

fn introduction(address: std::net::SocketAddr, key: &str) -> String {
    format!(
        r#"Privet listens on http://{address} in front of a demo provider. Send it something private:

  curl http://{address}/v1/chat/completions \
    -H 'Authorization: Bearer {key}' \
    -H 'Content-Type: application/json' \
    -d '{{"model":"demo","messages":[{{"role":"user","content":"I am ada@example.com, my card is 4111 1111 1111 1111"}}]}}'

  from openai import OpenAI
  client = OpenAI(base_url="http://{address}/v1", api_key="{key}")
  print(client.chat.completions.create(model="demo", messages=[
      {{"role": "user", "content": "Call me at +1 202-555-0143"}}]).choices[0].message.content)

Anthropic clients: base_url http://{address}, model claude-demo, the same key. Every exchange is shown below.
Press Ctrl-C to end; nothing of this is kept.
"#
    )
}

/// One exchange in three columns.
fn show(exchange: &Exchange, seen: &[Recording]) -> String {
    let surface = if exchange.path.starts_with("/v1/messages") {
        SurfaceKind::AnthropicMessages
    } else if exchange.path.starts_with("/v1/responses") {
        SurfaceKind::OpenaiResponses
    } else {
        SurfaceKind::OpenaiChat
    };
    let mut sent = extract(surface, &exchange.sent);
    if sent.is_empty() && !exchange.sent.is_empty() {
        // What no client would send is shown as it came.
        sent.push(Line {
            who: "body".to_owned(),
            text: String::from_utf8_lossy(&exchange.sent)
                .chars()
                .take(MOST_SHOWN)
                .collect(),
        });
    }
    let reached = !seen.is_empty();
    let seen: Vec<Line> = seen.iter().flat_map(|r| extract(surface, &r.body)).collect();
    let got = extract(surface, &exchange.received);
    let width = rim::terminal();
    let color = width.is_some() && rim::environment("NO_COLOR").is_none();
    let mut text = String::new();
    // Writing to a string cannot fail.
    let views = Views {
        sent: &sent,
        seen: &seen,
        got: &got,
    };
    let _ = write!(
        text,
        "{} {} → {}",
        exchange.method, exchange.path, exchange.status
    );
    let _ = match (reached, columns::counts(&views)) {
        (false, _) => writeln!(text, "; nothing reached the provider"),
        (true, (0, _)) => writeln!(text, "; nothing private found"),
        (true, (masked, back)) => writeln!(text, "; masked: {masked}, back in the reply: {back}"),
    };
    text.push_str(&columns::render(
        &views,
        Layout {
            width: width.unwrap_or(PLAIN_WIDTH),
            color,
        },
    ));
    text
}
