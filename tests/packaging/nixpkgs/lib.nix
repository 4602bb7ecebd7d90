# Functions of nixpkgs' lib, for tests/packaging/nixpkgs/flake.nix.
rec {
  genAttrs =
    names: f:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );
  importTOML = file: builtins.fromTOML (builtins.readFile file);
  licenses = {
    mit = "MIT";
    asl20 = "Apache-2.0";
  };
  platforms.linux = "linux";
  types = {
    str = "string";
    package = "package";
  };
  mkOption = option: option // { _option = true; };
  mkEnableOption = what: mkOption {
    type = "boolean";
    default = false;
    description = what;
  };
  mkIf = condition: content: if condition then content else { };
  mkBefore = text: text;
  mkMerge = merged;

  # The defaults of options, with what is set over them.
  settled =
    options: set:
    builtins.mapAttrs (
      name: option:
      if option._option or false then
        set.${name} or option.default or (throw "nobody has set ${name}")
      else
        settled option (set.${name} or { })
    ) options;

  # Sets within sets, one over the other; lists behind one another.
  merged = builtins.foldl' both { };
  both =
    a: b:
    a
    // builtins.mapAttrs (
      name: value:
      if !(a ? ${name}) then
        value
      else if builtins.isAttrs value then
        both a.${name} value
      else if builtins.isList value then
        a.${name} ++ value
      else
        throw "${name} is said twice"
    ) b;

  # What a module makes of what is set; nothing that is set may be unknown to it.
  evaluated =
    module: set: pkgs:
    let
      lib = import ./lib.nix;
      made = module { inherit config lib pkgs; };
      settings = settled made.options.services.homelab set.services.homelab;
      config = {
        services.homelab = settings;
        services.caddy.package = pkgs.caddy;
      };
    in
    made.config;
}
