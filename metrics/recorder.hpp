// Counts each exchange as it ends, into the series of its route. One for each worker, on its
// thread; no look-up, no lock, no allocation. Attempts, retries and waits are counted where they
// happen.
#pragma once

#include "metrics/series.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::metrics {

class Recorder final : public chain::ExchangeObserver {
 public:
  // `unrouted` takes calls that found no route. Both must outlive the recorder.
  Recorder(ServiceSeries& unrouted, const Clock& clock) : x_unrouted(&unrouted), x_clock(clock) {}
  void set_unrouted(ServiceSeries& unrouted) { x_unrouted = &unrouted; }

  void on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) override;

 private:
  ServiceSeries* x_unrouted;
  const Clock& x_clock;
};

}  // namespace outrigger::metrics
