# phonechecksim serve as a container: a static binary and nothing else, not as root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /phonechecksim ./cmd/phonechecksim && mkdir /state

FROM scratch
COPY --from=build /phonechecksim /phonechecksim
COPY --from=build --chown=65532:65532 /state /state
USER 65532:65532
# API, API with TLS, access proxy, reference application server, control API
EXPOSE 8080 8443 8081 8090 8082
HEALTHCHECK --interval=5s --start-period=5s CMD ["/phonechecksim", "probe"]
ENTRYPOINT ["/phonechecksim"]
CMD ["serve", "--expose", "--log", "json", "--state-dir", "/state", "--api-addr", "0.0.0.0:8080", "--api-tls-addr", "0.0.0.0:8443", \
     "--proxy-addr", "0.0.0.0:8081", "--app-addr", "0.0.0.0:8090", "--control-addr", "0.0.0.0:8082"]
