# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of partitions: a plant and a centre in network namespaces of their own, and between them a network that can
# lose every packet without a word. Nothing of it is reachable from outside, and all of it is gone when the script ends.
# shellcheck source=tests/interop/servers.bash
. "$TESTS/interop/servers.bash"

network=tp$$
plant_address=10.77.1.2
centre_address=10.77.2.2
export plant_address

in_plant() { ip netns exec "$network-plant" "$@"; }
in_centre() { ip netns exec "$network-centre" "$@"; }

# remove_network: to be run by the script's EXIT trap, behind the end of the processes in it.
remove_network() {
  local space
  for space in plant wan centre; do ip netns del "$network-$space" 2>/dev/null || true; done
}

# make_network: skips where namespaces are refused.
make_network() {
  command -v ip >/dev/null || skip "iproute2 is not installed"
  trap 'stop_servers; remove_network' EXIT
  local space refused
  refused=$(ip netns add "$network-wan" 2>&1) || skip "network namespaces are refused: $refused"
  for space in plant centre; do
    ip netns add "$network-$space"
    ip -n "$network-wan" link add $space type veth peer name wan netns "$network-$space"
    ip -n "$network-$space" link set lo up
    ip -n "$network-wan" link set $space up
    ip -n "$network-$space" link set wan up
  done
  ip -n "$network-wan" address add 10.77.1.1/24 dev plant
  ip -n "$network-wan" address add 10.77.2.1/24 dev centre
  ip -n "$network-plant" address add $plant_address/24 dev wan
  ip -n "$network-centre" address add $centre_address/24 dev wan
  ip -n "$network-plant" route add default via 10.77.1.1
  ip -n "$network-centre" route add default via 10.77.2.1
  join_network
  in_plant bash -c "exec 3<>/dev/udp/$centre_address/9" || fail 'there is no way from the plant to the centre'
}

# A router that does not forward drops what it gets and says nothing: neither end sees more than silence.
forward() { ip netns exec "$network-wan" sysctl -q -w net.ipv4.ip_forward="$1"; }
cut_network() { forward 0; }
join_network() { forward 1; }

# between LEAST MOST: a random number, from $RANDOM, which `seed` makes repeatable.
between() { echo $(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1))); }
# seed: SEED from the environment, or a new one; printed.
seed() {
  SEED=${SEED:-$(date +%s%N | tail -c 7)}
  echo "SEED=$SEED"
  RANDOM=$((10#$SEED))
}
# after SECONDS: waits, where time passing is what is tested.
after() { read -rt "$1" <> <(:) || true; }
