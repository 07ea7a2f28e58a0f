# The service of examples/server.rs, as a user who may write nothing but /data.
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
