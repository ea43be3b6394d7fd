# lib.sh: sourced by the benchmarks, which scripts/bench calls with bin set. Times
# queries in turn, round by round, so that a machine that slows down slows all of them.
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

rounds=${ROUNDS:-5}
declare -A times

# seconds SQL: how long the query takes in a session of its own, plan included. One
# core does all the work, and no time is spent on compiling.
seconds() {
    run_sql -At -c 'SET max_parallel_workers_per_gather = 0' -c 'SET jit = off' -c '\timing on' -c "$1" |
        sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | awk '{ print $1 / 1000 }'
}

# time_in_turn NAME SQL [NAME SQL]…: sets times[NAME] to what every round took.
time_in_turn() {
    local round pair
    for ((round = 0; round <= rounds; round++)); do
        for ((pair = 1; pair < $#; pair += 2)); do
            local name=${!pair} query=$((pair + 1))
            local took
            took=$(seconds "${!query}")
            # the first round warms the caches
            [ $round = 0 ] || times[$name]+=" $took"
        done
    done
}

# peak_memory SQL: MB of its own, not shared, that a backend holds at most while it runs
# the query, looked at ten times a second
peak_memory() {
    local pid peak=0 now
    PGAPPNAME=peak_memory seconds "$1" >/dev/null &
    while kill -0 $! 2>/dev/null; do
        sleep 0.1
        pid=$(run_sql -At -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'peak_memory'")
        now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${pid:-none}/status" 2>/dev/null || true)
        [ "${now:-0}" -le "$peak" ] || peak=$now
    done
    awk "BEGIN { print $peak / 1024 }"
}

# median of the numbers given
median() {
    printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# ratio A B: the median over the rounds of the time of A over that of B
ratio() {
    local a=(${times[$1]}) b=(${times[$2]}) ratios=() i
    for i in "${!a[@]}"; do
        ratios+=("$(awk "BEGIN { print ${a[$i]} / ${b[$i]} }")")
    done
    median "${ratios[@]}"
}

# report NAME VALUE UNIT
report() {
    printf 'bench: %s = %.3g %s\n' "$1" "$2" "$3"
}
