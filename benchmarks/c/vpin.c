/* VPIN as plain C loops: what the kernels are held against.

   Prices are integers in 1e-9, volumes integers. Every function fills buckets of `bucket_volume` exactly,
   splitting what straddles an edge, and returns how many it completed; its output has room for all of them.
   VPIN and the Roll spread of a window are NaN before there are `n_buckets` buckets.

   vpin_bare is the definition and nothing else, on two columns. vpin_signed and vpin_bulk do for each trade what
   the engine does for it: they read the same records, of any instrument, and keep the same sums. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct trade { /* bus.records.TRADE */
    uint64_t sequence;
    int64_t ts_event, ts_init, price, size;
    uint32_t instrument;
    int8_t aggressor_side;
    uint8_t side_origin;
    uint16_t flags;
};

struct bucket {
    double imbalance, notional, vpin, roll_spread;
    double n_pairs, sum_before, sum_after, sum_product;
    int64_t n_trades, closed_by;
};

struct lane {
    int64_t price, n_prices, tick;
    double change;
    int64_t session_until, session_volume, session_trades, session_sides;
    int64_t filled, n_trades;
    double imbalance, notional;
    double n_pairs, sum_before, sum_after, sum_product;
    int64_t bar_end, bar_volume, reference, n_bars, n_changes;
    double bar_notional, mean, squares;
};

const size_t trade_bytes = sizeof(struct trade), bucket_bytes = sizeof(struct bucket);
const size_t lane_bytes = sizeof(struct lane);

struct output {
    struct bucket *rows;
    size_t count;
    int64_t bucket_volume;
    size_t n_buckets;
};

size_t vpin_bare(const int64_t *size, const int8_t *side, size_t n, int64_t bucket_volume, size_t n_buckets,
                 double *imbalance, double *vpin)
{
    int64_t filled = 0, signed_volume = 0;
    double window = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t rest = size[i];
        while (filled + rest >= bucket_volume) {
            int64_t piece = bucket_volume - filled;
            imbalance[count] = (double)(signed_volume + side[i] * piece);
            window += fabs(imbalance[count]);
            if (count >= n_buckets)
                window -= fabs(imbalance[count - n_buckets]);
            vpin[count] = count + 1 < n_buckets ? NAN : window / ((double)n_buckets * (double)bucket_volume);
            count++;
            rest -= piece;
            filled = 0;
            signed_volume = 0;
        }
        filled += rest;
        signed_volume += side[i] * rest;
    }
    return count;
}

static void measure(struct output *out)
{
    struct bucket *last = &out->rows[out->count];
    double total = 0.0, n = 0.0, before = 0.0, after = 0.0, product = 0.0;
    last->vpin = last->roll_spread = NAN;
    if (++out->count < out->n_buckets)
        return;
    for (const struct bucket *b = last + 1 - out->n_buckets; b <= last; b++) {
        total += fabs(b->imbalance);
        n += b->n_pairs;
        before += b->sum_before;
        after += b->sum_after;
        product += b->sum_product;
    }
    last->vpin = total / ((double)out->n_buckets * (double)out->bucket_volume);
    if (n >= 1.0) {
        double covariance = product / n - (before / n) * (after / n);
        last->roll_spread = covariance < 0.0 ? 2.0 * sqrt(-covariance) / 1e9 : NAN;
    }
}

static void close_bucket(struct lane *lane, struct output *out, int64_t closed_by)
{
    out->rows[out->count] = (struct bucket){
        .imbalance = lane->imbalance, .notional = lane->notional / 1e9,
        .n_pairs = lane->n_pairs, .sum_before = lane->sum_before, .sum_after = lane->sum_after,
        .sum_product = lane->sum_product, .n_trades = lane->n_trades, .closed_by = closed_by};
    measure(out);
    lane->filled = lane->n_trades = 0;
    lane->imbalance = lane->notional = 0.0;
    lane->n_pairs = lane->sum_before = lane->sum_after = lane->sum_product = 0.0;
}

static inline void pour(struct lane *lane, struct output *out, int64_t volume, double tilt, double price,
                        int64_t closed_by)
{
    while (lane->filled + volume >= out->bucket_volume) {
        int64_t piece = out->bucket_volume - lane->filled;
        lane->imbalance += tilt * (double)piece;
        lane->notional += price * (double)piece;
        volume -= piece;
        close_bucket(lane, out, closed_by);
    }
    lane->filled += volume;
    lane->imbalance += tilt * (double)volume;
    lane->notional += price * (double)volume;
}

static inline void observe(struct lane *lane, const struct trade *trade)
{
    lane->session_volume += trade->size;
    lane->n_trades++;
    if (lane->n_prices > 0) {
        double change = (double)(trade->price - lane->price);
        if (lane->n_prices == 2) {
            lane->n_pairs += 1.0;
            lane->sum_before += lane->change;
            lane->sum_after += change;
            lane->sum_product += lane->change * change;
        }
        lane->n_prices = 2;
        if (trade->price != lane->price)
            lane->tick = trade->price > lane->price ? 1 : -1;
        lane->change = change;
    } else {
        lane->n_prices = 1;
    }
    lane->price = trade->price;
}

/* Reported sides. The one session lasts as long as the data; where it would end, the loop ends. */
size_t vpin_signed(const struct trade *trades, size_t n, struct lane *lanes, int64_t bucket_volume,
                   size_t n_buckets, struct bucket *rows)
{
    struct output out = {.rows = rows, .bucket_volume = bucket_volume, .n_buckets = n_buckets};
    for (size_t i = 0; i < n; i++) {
        const struct trade *trade = &trades[i];
        struct lane *lane = &lanes[trade->instrument];
        if (trade->size == 0 || trade->side_origin != 1 || trade->aggressor_side == 0)
            continue;
        if (trade->ts_event >= lane->session_until)
            break;
        observe(lane, trade);
        lane->session_trades++;
        lane->session_sides += trade->aggressor_side;
        pour(lane, &out, trade->size, (double)trade->aggressor_side, (double)trade->price, (int64_t)i);
    }
    return out.count;
}

/* Split a closed bar by Phi(dP / sigma), sigma being the sample deviation of all dP so far, and pour it; without a
   sigma its volume cannot be classified. */
static void close_bar(struct lane *lane, struct output *out, int64_t closed_by)
{
    double tilt = 0.0;
    if (lane->n_bars++ > 0) {
        double change = (double)(lane->price - lane->reference) / 1e9;
        double deviation = change - lane->mean;
        lane->n_changes++;
        lane->mean += deviation / (double)lane->n_changes;
        lane->squares += deviation * (change - lane->mean);
        if (change != 0.0) {
            double sigma = lane->n_changes > 1 ? sqrt(lane->squares / (double)(lane->n_changes - 1)) : NAN;
            tilt = sigma > 0.0 ? 1.0 - erfc(change / sigma / sqrt(2.0)) : NAN;
        }
    }
    lane->reference = lane->price;
    if (!isnan(tilt))
        pour(lane, out, lane->bar_volume, tilt, lane->bar_notional / (double)lane->bar_volume, closed_by);
    lane->bar_volume = 0;
    lane->bar_notional = 0.0;
}

/* Bulk classification by time bars of `bar` ns; an open last bar stays open. */
size_t vpin_bulk(const struct trade *trades, size_t n, struct lane *lanes, int64_t bar, int64_t bucket_volume,
                 size_t n_buckets, struct bucket *rows)
{
    struct output out = {.rows = rows, .bucket_volume = bucket_volume, .n_buckets = n_buckets};
    for (size_t i = 0; i < n; i++) {
        const struct trade *trade = &trades[i];
        struct lane *lane = &lanes[trade->instrument];
        if (trade->size == 0 || (trade->side_origin == 1 && trade->aggressor_side == 0))
            continue;
        if (trade->ts_event >= lane->session_until)
            break;
        if (trade->ts_event >= lane->bar_end) {
            if (lane->bar_volume > 0)
                close_bar(lane, &out, (int64_t)i);
            lane->bar_end = (trade->ts_event / bar + 1) * bar;
        }
        observe(lane, trade);
        lane->bar_volume += trade->size;
        lane->bar_notional += (double)trade->price * (double)trade->size;
    }
    return out.count;
}
