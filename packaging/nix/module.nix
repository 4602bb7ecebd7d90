# Two things for NixOS, each by itself: the Caddy that serves an edge, and the timers that renew and check it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.homelab;
  current = "${cfg.caddy.path}/current";
  # The units of the package are there for every user, and are that one's.
  unit.unitConfig.ConditionUser = cfg.timers.user;
  timer = unit // {
    wantedBy = [ "timers.target" ];
  };
  service = unit // {
    path = [
      cfg.package
      "/run/wrappers"
      "/run/current-system/sw"
    ];
  };
in
{
  options.services.homelab = {
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.homelab-mtls;
      description = "The package whose program and timers are used.";
    };

    caddy = {
      enable = lib.mkEnableOption "a Caddy that serves what `homelab deploy` brings here";
      path = lib.mkOption {
        type = lib.types.str;
        default = "/etc/caddy/homelab";
        description = "Where `deploy` puts the edge: its `path` in homelab.kdl. Its `config` is to be /etc/caddy/caddy_config.";
      };
    };

    timers = {
      enable = lib.mkEnableOption "the timers that renew what is due, deploy it, and check the edge";
      user = lib.mkOption {
        type = lib.types.str;
        default = "homelab";
        description = "Who runs them: a user of its own, with a clone of the homelab in ~/homelab, an identity and a key for ssh.";
      };
    };
  };

  config = lib.mkMerge [
    (lib.mkIf cfg.caddy.enable {
      services.caddy = {
        enable = true;
        # Of two options with the same name Caddy takes the later one: what stands in the system's own configuration.
        globalConfig = lib.mkBefore "import ${current}/globals.caddyfile\n";
        extraConfig = lib.mkBefore "import ${current}/sites.caddyfile\n";
      };
      # `deploy` asks it whether it can load the edge.
      environment.systemPackages = [ config.services.caddy.package ];
      networking.firewall.allowedTCPPorts = [
        80
        443
      ];
      networking.firewall.allowedUDPPorts = [ 443 ];
    })

    (lib.mkIf cfg.timers.enable {
      users.users.${cfg.timers.user} = {
        isNormalUser = true;
        linger = true;
      };
      environment.systemPackages = [
        cfg.package
        pkgs.git
        pkgs.openssh
      ];
      systemd.packages = [ cfg.package ];
      systemd.user.services.homelab-renew = service;
      systemd.user.services.homelab-check = service;
      systemd.user.services.homelab-due = service;
      systemd.user.timers.homelab-renew = timer;
      systemd.user.timers.homelab-check = timer;
    })
  ];
}
