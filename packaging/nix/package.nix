# The program as nixpkgs builds programs of Rust, with its manual, completions and units.
{
  lib,
  rustPlatform,
  installShellFiles,
  src,
}:
rustPlatform.buildRustPackage {
  pname = "homelab-mtls";
  inherit ((lib.importTOML ../../Cargo.toml).package) version;
  inherit src;
  cargoLock.lockFile = ../../Cargo.lock;
  nativeBuildInputs = [ installShellFiles ];

  # The other tests need Debian, browsers and several Caddys: `tests/run`.
  cargoTestFlags = [ "--lib" ];

  # The units look for programs where Debian has them.
  postInstall = ''
    installManPage packaging/man/*
    installShellCompletion --cmd homelab --bash packaging/completions/homelab.bash \
      --zsh packaging/completions/_homelab --fish packaging/completions/homelab.fish
    install -D -m 644 -t $out/lib/systemd/user packaging/systemd/*
    sed -i -e '/^ExecSearchPath=/d' \
      -e "s|^\[Service\]|&\nExecSearchPath=$out/bin:/run/wrappers/bin:/run/current-system/sw/bin|" $out/lib/systemd/user/*.service
  '';

  meta = {
    description = "Client certificates, a Caddyfile and install guides from one homelab.kdl";
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    mainProgram = "homelab";
    platforms = lib.platforms.linux;
  };
}
