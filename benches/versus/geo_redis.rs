//! Redis as a peer of the driver index: `GEOADD` and `GEOSEARCH`, as a client would send them.

use std::time::Instant;

use doorstep::geo_index::Ping;

use super::geo_world::World;
use super::redis::{Redis, request};
use crate::Effort;

/// Requests that are sent before the first reply is waited for.
const PIPELINE: usize = 64;

/// A server that knows everybody, and what it will be sent, written beforehand.
pub(crate) struct GeoRedis {
    redis: Redis,
    adds: Vec<Pipeline>,
    searches: Vec<Pipeline>,
    heard: Vec<u8>,
}

struct Pipeline {
    sent: Vec<u8>,
    replies: usize,
}

impl GeoRedis {
    /// # Errors
    /// Why there is no server, for people.
    pub(crate) fn start(world: &World, effort: &Effort) -> Result<Self, String> {
        let mut new = Self {
            redis: Redis::start()?,
            adds: pipelines(&world.first, add),
            searches: pipelines(&world.asked[..effort.of(10_000, 1_000)], |out, at| {
                let (lat, lng) = (at.lat().to_string(), at.lng().to_string());
                let from = ["GEOSEARCH", "drivers", "FROMLONLAT", &lng, &lat];
                let what = ["BYRADIUS", "5000", "m", "ASC", "COUNT", "20", "WITHDIST"];
                request(out, &[&from[..], &what].concat());
            }),
            heard: Vec::new(),
        };
        new.add();
        new.adds = pipelines(&world.pings[..effort.of(200_000, 10_000)], add);
        Ok(new)
    }

    /// Pings a second.
    pub(crate) fn add(&mut self) -> f64 {
        send(&mut self.redis, &self.adds, &mut self.heard)
    }

    /// Questions a second.
    pub(crate) fn search(&mut self) -> f64 {
        send(&mut self.redis, &self.searches, &mut self.heard)
    }
}

fn add(out: &mut Vec<u8>, Ping { driver, fix, .. }: &Ping) {
    let (lat, lng) = (fix.position.lat().to_string(), fix.position.lng().to_string());
    request(out, &["GEOADD", "drivers", &lng, &lat, &driver.get().to_string()]);
}

fn pipelines<T>(all: &[T], write: impl Fn(&mut Vec<u8>, &T)) -> Vec<Pipeline> {
    let pipeline = |part: &[T]| {
        let mut sent = Vec::new();
        part.iter().for_each(|one| write(&mut sent, one));
        Pipeline { sent, replies: part.len() }
    };
    all.chunks(PIPELINE).map(pipeline).collect()
}

fn send(redis: &mut Redis, pipelines: &[Pipeline], heard: &mut Vec<u8>) -> f64 {
    let began = Instant::now();
    for Pipeline { sent, replies } in pipelines {
        redis.pipeline(sent, *replies, heard);
    }
    let count: usize = pipelines.iter().map(|pipeline| pipeline.replies).sum();
    count as f64 / began.elapsed().as_secs_f64()
}
