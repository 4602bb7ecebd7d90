# The program, a module for NixOS, and a check. docs/packages.md says how to use it, and how far it was tried.
{
  description = "Client certificates, a Caddyfile and install guides from one homelab.kdl";

  # One with Rust 1.95 or newer.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forEach = f: lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = forEach (pkgs: {
        default = pkgs.callPackage ./packaging/nix/package.nix { src = self; };
      });

      nixosModules.default = {
        imports = [ ./packaging/nix/module.nix ];
        nixpkgs.overlays = [ self.overlays.default ];
      };

      overlays.default = final: _: {
        homelab-mtls = final.callPackage ./packaging/nix/package.nix { src = self; };
      };

      # A homelab is begun and built, and Caddy reads its edge.
      checks = forEach (pkgs: {
        default = pkgs.runCommand "homelab-check" {
          nativeBuildInputs = [
            self.packages.${pkgs.stdenv.hostPlatform.system}.default
            pkgs.caddy
          ];
        } (builtins.readFile ./packaging/nix/check.sh);
      });
    };
}
