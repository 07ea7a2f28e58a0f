# The service of examples/server.rs, as a user who may write nothing but /data:
#
#   docker build --tag doorstep .
#   docker run --publish 8080:8080 --volume doorstep:/data \
#       --volume ./server.toml:/etc/doorstep/server.toml:ro doorstep
#
# The file must say who signs tokens (`[auth]`): a service that signs its own is not for others to reach.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /doorstep
COPY . .
RUN cargo build --release --locked --example server

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 doorstep && install --directory --owner doorstep /data
COPY --from=build /doorstep/target/release/examples/server /doorstep
USER doorstep
ENV DOORSTEP_LISTEN=0.0.0.0:8080 DOORSTEP_ADMIN=127.0.0.1:9090 DOORSTEP_LOG=/data/city.db
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/doorstep"]
CMD ["--config", "/etc/doorstep/server.toml"]
