"""What programs call things that several targets have them do: ip(8), tc(8), ethtool(8), dhclient(8)."""
