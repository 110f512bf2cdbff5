# One image for every process of Sluice: a static binary, certificates, and
# nothing else, run by an unprivileged user.

FROM golang:1.26.8-alpine AS build
WORKDIR /src
ENV GOMODCACHE=/cache/mod GOCACHE=/cache/build

# The modules change less often than the code: a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache/mod go mod download

COPY . .
ARG VERSION=dev
ARG COMMIT=
ARG DATE=
# timetzdata embeds the time zones, which a site's days are cut by.
RUN --mount=type=cache,target=/cache/mod --mount=type=cache,target=/cache/build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata \
    -ldflags "-s -w -X github.com/sluicehq/sluice/internal/version.Version=${VERSION} -X github.com/sluicehq/sluice/internal/version.Commit=${COMMIT} -X github.com/sluicehq/sluice/internal/version.Date=${DATE}" \
    -o /out/sluice ./cmd/sluice \
    && mkdir -p /out/tmp

FROM scratch
ARG VERSION=dev
ARG COMMIT=
ARG DATE=
LABEL org.opencontainers.image.title="Sluice" \
      org.opencontainers.image.description="Durable data imports into ClickHouse, as Temporal workflows" \
      org.opencontainers.image.source="https://github.com/sluicehq/sluice" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The Sluice Authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${DATE}"

COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /out/sluice /usr/local/bin/sluice
COPY LICENSE /LICENSE

# A number, because there is no /etc/passwd to look a name up in.
USER 65532:65532
ENV HOME=/tmp
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
    CMD ["/usr/local/bin/sluice", "worker", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["worker"]
