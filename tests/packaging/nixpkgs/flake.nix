# In place of nixpkgs, where there is no network: as much of it as flake.nix asks for, so that it can be evaluated. Nothing is built by it.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      pkgs = system: {
        inherit lib;
        stdenv.hostPlatform = { inherit system; };
        caddy = "/the/caddy";
        git = "/the/git";
        openssh = "/the/openssh";
        homelab-mtls = "/the/homelab";
        # What a package and a check are made of, as data.
        callPackage =
          file: arguments:
          import file (
            {
              inherit lib;
              rustPlatform.buildRustPackage = built: built;
              installShellFiles = "/the/installShellFiles";
            }
            // arguments
          );
        runCommand = name: attributes: script: attributes // { inherit name script; };
      };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] pkgs;
    };
}
