# Run by flake.nix; tests/packaging/nix.rs runs it as well. `$out` is what Nix wants to find afterwards.
set -eu
# Nix builds in 1980, before there was a homelab.
unset SOURCE_DATE_EPOCH
HOME=$PWD/home
export HOME
mkdir "$HOME" lab
cd lab
homelab init
homelab build
homelab verify
caddy validate --adapter caddyfile --config out/edge/Caddyfile
touch "$out"
