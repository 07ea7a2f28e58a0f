//! The service that a small company would run: one process, one SQLite file, HTTP and WebSocket.
//!
//! ```sh
//! cargo run --release --example server                          # 127.0.0.1:8080, to try things out
//! cargo run --release --example server -- --config server.toml  # as configured
//! ```
//!
//! It is configured by a file ([`Settings`] has every key) and, over it, by the environment:
//! `DOORSTEP_LISTEN`, `DOORSTEP_ADMIN`, `DOORSTEP_LOG`, `DOORSTEP_WEBHOOK_SECRET`. Without an `[auth]`
//! table it signs tokens itself and prints one for each role: for one machine, never for the internet.
//! What is held and captured is the sandbox's money: an application gives the host its own provider
//! (`doorstep::runtime::threads::BlockingPayments`).
//!
//! What it logs, as JSON lines, `RUST_LOG` says (default `info`).
//!
//! SIGTERM and SIGINT end it in order: nobody new is let in, sockets close with 1001, what is under way
//! is answered, the log is closed. It tells systemd (`Type=notify`) when it decides and when it ends.

#![allow(clippy::print_stdout, reason = "a program talks to who started it")]

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorstep_core::id::{RestaurantId, ShardId};
use doorstep_core::limit::Quota;
use doorstep_core::money::Currency;
use doorstep_core::policy::Policy;
use doorstep_core::time::Span;
use doorstep_core::webhook::stripe;
use doorstep_http::auth::{
    AnyOf, ApiKey, ApiKeys, Authenticate, DevIssuer, Jwt, JwtKey, KeyAlgorithm, Who,
};
use doorstep_http::{Config, Connections, Service};
use doorstep_runtime::host::{Host, HostConfig};
use doorstep_runtime::sandbox::{Sandbox, SandboxConfig};
use doorstep_runtime::threads::{self, Bell, Clock, WallClock};
use doorstep_sqlite::{Opened, SqliteLog};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The configuration file. Every key may be left out.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Where people are answered.
    listen: SocketAddr,
    /// Where whoever runs it is: metrics, health, dead letters. Not for the internet.
    admin: SocketAddr,
    /// The log's file.
    log: PathBuf,
    /// In which currency business is done; never changes for a file.
    currency: String,
    /// Which shard it is, 0 to 1,023.
    shard: u16,
    /// Pages of these origins may call.
    origins: Vec<String>,
    /// How many proxies stand in front.
    proxies: u8,
    /// How many requests a minute one person may make; 600 where it is left out.
    requests_per_minute: Option<u32>,
    /// How many an hour of them may change something; 1,000 where it is left out.
    acts_per_hour: Option<u32>,
    /// How many requests a minute may come from one address; 6,000 where it is left out.
    requests_per_minute_and_address: Option<u32>,
    /// How many orders an hour one customer may place, in a log that is new; 5 where it is left out.
    orders_per_hour: Option<u32>,
    /// What the payment provider signs with; better given by the environment.
    webhook_secret: Option<Secret>,
    /// Who says who is asking; without it, this process does, for trying things out.
    auth: Option<Auth>,
    /// Keys of restaurants' tablets.
    tablets: Vec<Tablet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    issuer: String,
    audience: String,
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    kid: String,
    /// `EdDSA` or `RS256`.
    algorithm: String,
    /// A PEM file.
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tablet {
    restaurant: String,
    /// `dsk_<name>_<secret>`.
    key: Secret,
}

/// A text that is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8_080).into(),
            admin: ([127, 0, 0, 1], 9_090).into(),
            log: "city.db".into(),
            currency: "EUR".into(),
            shard: 0,
            origins: Vec::new(),
            proxies: 0,
            requests_per_minute: None,
            acts_per_hour: None,
            requests_per_minute_and_address: None,
            orders_per_hour: None,
            webhook_secret: None,
            auth: None,
            tablets: Vec::new(),
        }
    }
}

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let settings = settings()?;
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().json().with_env_filter(filter).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(settings))
}

async fn run(settings: Settings) -> Fallible<()> {
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        // What was measured is summed up, whether anybody asks for it or not.
        let mut every = tokio::time::interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            upkeep.run_upkeep();
        }
    });
    let clock = Arc::new(WallClock::new());

    // The shard, on a thread of its own beside the runtime.
    let bell = Bell::new();
    let on_commit = Some(bell.to_fn());
    let sqlite = doorstep_sqlite::Config { on_commit, ..doorstep_sqlite::Config::default() };
    let Opened { log, history, .. } = SqliteLog::open(&settings.log, sqlite)?;
    let currency = Currency::new(&settings.currency).ok_or("no currency of ISO 4217")?;
    let shard = ShardId::new(settings.shard).ok_or("a shard is 0 to 1,023")?;
    let mut policy = Policy::new(currency);
    if let Some(orders) = settings.orders_per_hour {
        policy.checkout.orders_per_hour = orders;
    }
    let host = HostConfig {
        reads: true,
        snapshot_every: Some(100_000),
        ..HostConfig::new(shard, policy, rand::random())
    };
    let provider = Sandbox::new(SandboxConfig::default());
    let kept = Arc::new(history.clone());
    let host = Host::open(host, log, provider, history, clock.now())?;
    let running = threads::spawn(host, clock.clone(), bell)?;

    // People, and whoever runs it, each on their own listener.
    let (authenticate, issuer) = authenticate(&settings)?;
    let mut config = Config::new(authenticate);
    config.clock = clock.clone();
    config.history = Some(kept);
    config.cors.origins.clone_from(&settings.origins);
    config.limits.proxies = settings.proxies;
    let quota = |count| Quota::new(count, Span::from_mins(1));
    if let Some(count) = settings.requests_per_minute {
        config.limits.per_principal = quota(count)?;
    }
    if let Some(count) = settings.acts_per_hour {
        config.limits.per_principal_acts = Quota::new(count, Span::from_hours(1))?;
    }
    if let Some(count) = settings.requests_per_minute_and_address {
        config.limits.per_address = quota(count)?;
    }
    if let Some(Secret(secret)) = &settings.webhook_secret {
        config.webhook_secrets = vec![stripe::Secret::new(secret)?];
    }
    let service = Service::new(running.client(), config)?;
    let people = TcpListener::bind(settings.listen).await?;
    let admin = TcpListener::bind(settings.admin).await?;
    let at = (people.local_addr()?, admin.local_addr()?);
    let admin = axum_serve(admin, service.admin(move || metrics.render()));
    if let Some(issuer) = issuer {
        greet(&issuer, at, &*clock)?;
    }

    let client = running.client();
    tokio::spawn(async move {
        while !client.is_owner() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        notify("READY=1");
    });
    let mut connections = Connections::default();
    connections.end_within = Duration::from_secs(10);
    if settings.proxies > 0 {
        // Everybody comes from the proxy's address.
        connections.per_address_most = connections.most;
    }
    let ended = wait_for_end(&running)?;
    service.serve(people, connections, ended).await;
    notify("STOPPING=1");
    admin.abort();

    let deadline = clock.now().saturating_add(Span::from_secs(10));
    let host = tokio::task::spawn_blocking(move || running.shutdown(deadline)).await??;
    if let Some(why) = host.stopped() {
        return Err(why.to_string().into());
    }
    tracing::info!("ended in order");
    Ok(())
}

/// The admin routes need no limits: nobody but who runs it comes there.
fn axum_serve(listener: TcpListener, router: axum::Router) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin listener ended");
        }
    })
}

/// Resolves when a signal says so, or the shard has stopped by itself: it runs no more, whether it ever
/// decided or not, or another process decides in its place.
fn wait_for_end<L, P, H>(
    running: &threads::Running<L, P, H>,
) -> Fallible<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let stopped = async {
            let mut looks = tokio::time::interval(Duration::from_secs(1));
            let mut decided = false;
            loop {
                looks.tick().await;
                let status = running.status();
                if !status.is_running || (decided && !status.is_owner) {
                    return;
                }
                decided |= status.is_owner;
            }
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = stopped => tracing::error!("the shard has stopped"),
        }
    })
}

fn authenticate(settings: &Settings) -> Fallible<(Arc<dyn Authenticate>, Option<DevIssuer>)> {
    let tablets: Result<Vec<ApiKey>, Box<dyn Error>> = settings
        .tablets
        .iter()
        .map(|tablet| {
            let restaurant: RestaurantId = tablet.restaurant.parse()?;
            Ok(ApiKey::new(&tablet.key.0, restaurant)?)
        })
        .collect();
    let tablets: Arc<dyn Authenticate> = Arc::new(ApiKeys::new(tablets?));
    let (jwt, issuer) = match &settings.auth {
        Some(auth) => (jwt(auth)?, None),
        None => {
            let issuer = DevIssuer::new()?;
            (issuer.authenticator()?, Some(issuer))
        }
    };
    Ok((Arc::new(AnyOf::new(vec![tablets, Arc::new(jwt)])), issuer))
}

fn jwt(auth: &Auth) -> Fallible<Jwt> {
    let mut keys = Vec::new();
    for key in &auth.keys {
        let algorithm = match key.algorithm.as_str() {
            "EdDSA" => KeyAlgorithm::EdDsa,
            "RS256" => KeyAlgorithm::Rs256,
            other => return Err(format!("{other} is no algorithm of ours: EdDSA or RS256").into()),
        };
        keys.push(JwtKey::from_pem(&key.kid, algorithm, &std::fs::read(&key.file)?)?);
    }
    Ok(Jwt::new(&auth.issuer, &auth.audience, keys)?)
}

/// A token for each role, for a day.
fn greet(
    issuer: &DevIssuer,
    (people, admin): (SocketAddr, SocketAddr),
    clock: &dyn Clock,
) -> Fallible<()> {
    if !people.ip().is_loopback() {
        return Err("without [auth] it listens on this machine only".into());
    }
    let roles = [
        ("customer", Who::Customer(1.into())),
        ("restaurant", Who::Restaurant(1.into())),
        ("driver", Who::Driver(1.into())),
        ("operations", Who::Operations("dev".into())),
    ];
    println!("http://{people}  (admin: http://{admin})");
    for (name, who) in roles {
        println!("{name} {who} {}", issuer.token(&who, clock.now(), Span::from_hours(24))?);
    }
    Ok(())
}

/// The file, and the environment over it.
fn settings() -> Fallible<Settings> {
    let mut file = None::<PathBuf>;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        use lexopt::prelude::*;
        match arg {
            Long("config") => file = Some(args.value()?.into()),
            Short(_) | Long(_) | Value(_) => return Err(arg.unexpected().into()),
        }
    }
    let mut settings = file.as_deref().map_or_else(|| Ok(Settings::default()), read)?;
    let given = |name| std::env::var(name).ok();
    if let Some(listen) = given("DOORSTEP_LISTEN") {
        settings.listen = listen.parse()?;
    }
    if let Some(admin) = given("DOORSTEP_ADMIN") {
        settings.admin = admin.parse()?;
    }
    if let Some(log) = given("DOORSTEP_LOG") {
        settings.log = log.into();
    }
    if let Some(secret) = given("DOORSTEP_WEBHOOK_SECRET") {
        settings.webhook_secret = Some(Secret(secret));
    }
    Ok(settings)
}

fn read(file: &Path) -> Fallible<Settings> {
    let text = std::fs::read_to_string(file)?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Tells systemd, if it asked to be told (sd_notify(3)).
fn notify(state: &str) {
    use std::os::unix::net::UnixDatagram;
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(state.as_bytes(), path));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd was not told");
    }
}
