# One image for every process of Sluice: a static binary, certificates and the
# reference data of the ingestion, run by an unprivileged user.

# The packages of the lock file, of which the image gets the two files that Sluice reads, and their
# licences.
FROM node:22.12.0-alpine AS refdata
WORKDIR /refdata
COPY refdata/package.json refdata/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund --ignore-scripts

# The scripts of the pages, which the binary has inside.
FROM node:22.12.0-alpine AS scripts
WORKDIR /npm
COPY server/pages/npm/package.json server/pages/npm/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund --ignore-scripts

FROM golang:1.26.8-alpine AS build
WORKDIR /src
ENV GOMODCACHE=/cache/mod GOCACHE=/cache/build

# The modules change less often than the code: a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache/mod go mod download

COPY . .
COPY --from=scripts /npm/node_modules server/pages/npm/node_modules
ARG VERSION=dev
ARG COMMIT=
ARG DATE=
# timetzdata embeds the time zones, which a site's days are cut by.
RUN --mount=type=cache,target=/cache/mod --mount=type=cache,target=/cache/build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata,assets \
    -ldflags "-s -w -X github.com/sluicehq/sluice/internal/version.Version=${VERSION} -X github.com/sluicehq/sluice/internal/version.Commit=${COMMIT} -X github.com/sluicehq/sluice/internal/version.Date=${DATE}" \
    -o /out/sluice ./cmd/sluice \
    && mkdir -p /out/tmp /out/uploads

FROM scratch
ARG VERSION=dev
ARG COMMIT=
ARG DATE=
LABEL org.opencontainers.image.title="Sluice" \
      org.opencontainers.image.description="Durable data imports and live events into ClickHouse, as Temporal workflows" \
      org.opencontainers.image.source="https://github.com/sluicehq/sluice" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The Sluice Authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${DATE}"

COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/tmp /tmp
# A new volume takes its owner from the folder that it is mounted over.
COPY --from=build --chown=65532:65532 /out/uploads /uploads
COPY --from=build /out/sluice /usr/local/bin/sluice
COPY --from=refdata /refdata/node_modules/isbot/index.mjs /refdata/node_modules/isbot/LICENSE /usr/share/sluice/refdata/node_modules/isbot/
COPY --from=refdata /refdata/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb /refdata/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/NRO_LICENSE /usr/share/sluice/refdata/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/
COPY LICENSE /LICENSE

# A number, because there is no /etc/passwd to look a name up in.
USER 65532:65532
ENV HOME=/tmp
ENV SLUICE_REFDATA_FOLDER=/usr/share/sluice/refdata
# Health and metrics of the worker and of the server, and the server's events.
EXPOSE 9464 9465 18000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
    CMD ["/usr/local/bin/sluice", "worker", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["worker"]
