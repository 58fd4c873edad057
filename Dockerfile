# syntax=docker/dockerfile:1
# A small image: the binary on Debian slim's libraries, no shell tools of ours, an ordinary user, a health check by the
# binary itself.
#
#   docker build -t handraiser .
#   docker run -p 8080:8080 -v handraiser:/var/lib/handraiser -v ./handraiser.yaml:/etc/handraiser/handraiser.yaml:ro handraiser

FROM rust:1.95-slim-bookworm AS build
# No versions of packages: Debian's archive keeps one of each, and a build must get its security fixes.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The registry and the target directory outlive the build, so that a change of ours builds ours alone.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin handraiser && install -s target/release/handraiser /handraiser

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 handraiser \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/handraiser --create-home --shell /usr/sbin/nologin handraiser
COPY --from=build /handraiser /usr/local/bin/handraiser
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/handraiser/
USER 10001:10001
WORKDIR /var/lib/handraiser
VOLUME /var/lib/handraiser
EXPOSE 8080
# The server drains on SIGTERM, docker's default.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["handraiser", "health"]
ENTRYPOINT ["handraiser"]
CMD ["serve", "--config", "/etc/handraiser/handraiser.yaml"]
