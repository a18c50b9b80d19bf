// The counters themselves: plain words that one worker writes and the scrape reads. One
// ServiceSeries for each service (or named route) and worker; the exporter sums them over the
// workers. No look-up, no lock and no allocation on the data path. Written by one thread, read by
// any.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/base/error.hpp"

namespace outrigger::metrics {

// One writer: a load and a store, no locked instruction.
class Counter {
 public:
  void add(uint64_t by = 1) {
    x_value.store(x_value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  uint64_t value() const { return x_value.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> x_value{0};
};

class Gauge {
 public:
  void add(int64_t by) {
    x_value.store(x_value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(int64_t value) { x_value.store(value, std::memory_order_relaxed); }
  int64_t value() const { return x_value.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> x_value{0};
};

// Bounds in nanoseconds, ascending; shared by all histograms of the process.
using Bounds = std::vector<int64_t>;

class Histogram {
 public:
  static constexpr size_t kBoundsMax = 32;

  explicit Histogram(const Bounds& bounds) : x_bounds(bounds) {}

  void observe_ns(int64_t ns) {
    size_t bucket = 0;
    while (bucket < x_bounds.size() && ns > x_bounds[bucket]) ++bucket;
    x_counts[bucket].add();
    x_sum_ns.add(static_cast<uint64_t>(ns < 0 ? 0 : ns));
  }
  std::span<const int64_t> bounds() const { return x_bounds; }
  uint64_t count(size_t bucket) const { return x_counts[bucket].value(); }  // not cumulative
  uint64_t sum_ns() const { return x_sum_ns.value(); }

 private:
  std::span<const int64_t> x_bounds;
  std::array<Counter, kBoundsMax + 1> x_counts;
  Counter x_sum_ns;
};

// How a request ended, as requests_total tells it.
enum class RequestOutcome : uint8_t {
  kSuccess,
  kClientError,
  kUpstreamError,
  kProxyRefused,
  kTimeout,
  kFallback,
  kCancelled,
};
inline constexpr size_t kRequestOutcomes = 7;
inline constexpr std::array<std::string_view, kRequestOutcomes> kRequestOutcomeNames = {
    "success", "client_error", "upstream_error", "proxy_refused",
    "timeout", "fallback",     "cancelled",
};
enum class AttemptOutcome : uint8_t { kSuccess, kFailure, kTimeout, kCancelled };
inline constexpr size_t kAttemptOutcomes = 4;
inline constexpr std::array<std::string_view, kAttemptOutcomes> kAttemptOutcomeNames = {
    "success", "failure", "timeout", "cancelled"};
enum class FallbackKind : uint8_t { kStale, kService, kRespond, kOmit };
inline constexpr size_t kFallbackKinds = 4;
enum class CacheSkip : uint8_t {
  kMethod,
  kStatus,
  kForbidden,
  kTooLarge,
  kVary,
  kBudget,
  kCredentials,
  kBody,
};
inline constexpr size_t kCacheSkips = 8;
// Why an HTTP/2 connection was ended because of what its peer sent: floods, and the rest.
enum class Http2Fault : uint8_t {
  kResets,
  kControlFrames,
  kContinuations,
  kEmptyData,
  kUnread,
  kProtocol,
};
inline constexpr size_t kHttp2Faults = 6;
inline constexpr std::array<std::string_view, kHttp2Faults> kHttp2FaultNames = {
    "resets", "control_frames", "continuations", "empty_data", "unread", "protocol",
};
inline constexpr size_t kCauses = static_cast<size_t>(Cause::kTimeout) + 1;
inline constexpr size_t kTokens = 8;  // bit positions of Token

inline size_t index_of(Token token) {
  return static_cast<size_t>(std::countr_zero(static_cast<unsigned>(token)));
}

// Requests by status code, grpc-status and outcome: few triples ever occur, so a short list that is
// searched from the front is all it takes. One that finds it full counts under kOtherStatus: an
// upstream that makes statuses up adds no series.
class RequestTable {
 public:
  static constexpr int kOtherStatus = -1;

  struct Row {
    std::atomic<uint32_t> key{0};  // 0: free
    Counter count;
  };

  // grpc_status: -1 of other calls.
  void add(int status, RequestOutcome outcome, int grpc_status = -1) {
    const uint32_t key = key_of(status, outcome, grpc_status);
    for (Row& row : x_rows) {
      const uint32_t found = row.key.load(std::memory_order_relaxed);
      if (found == 0) row.key.store(key, std::memory_order_release);
      if (found != key && found != 0) continue;
      row.count.add();
      return;
    }
    x_overflow[static_cast<size_t>(outcome)].add();
  }
  template <class F>
  void for_each(F visit) const {  // visit(status, outcome, count, grpc_status)
    for (const Row& row : x_rows) {
      const uint32_t key = row.key.load(std::memory_order_acquire);
      if (key == 0) break;
      visit(static_cast<int>(key >> 9), static_cast<RequestOutcome>((key & 15) - 1),
            row.count.value(), static_cast<int>(key >> 4 & 31) - 1);
    }
    for (size_t i = 0; i < x_overflow.size(); ++i) {
      const uint64_t count = x_overflow[i].value();
      if (count > 0) visit(kOtherStatus, static_cast<RequestOutcome>(i), count, -1);
    }
  }

 private:
  static uint32_t key_of(int status, RequestOutcome outcome, int grpc_status) {
    return static_cast<uint32_t>(status) << 9 | static_cast<uint32_t>(grpc_status + 1) << 4 |
           (static_cast<uint32_t>(outcome) + 1);
  }
  std::array<Row, 48> x_rows;
  std::array<Counter, kRequestOutcomes> x_overflow;
};

// What one worker counts for one service or named route. The recorder writes what is known when a
// call ends (requests or opaque connections, their durations, replies), filters and forwarder the
// rest as it happens. What circuits and limits would have refused, they count themselves.
struct ServiceSeries {
  explicit ServiceSeries(const Bounds& bounds)
      : request_duration{Histogram(bounds), Histogram(bounds), Histogram(bounds), Histogram(bounds),
                         Histogram(bounds), Histogram(bounds), Histogram(bounds)},
        stream_duration(bounds),
        attempt_duration(bounds),
        connect_duration(bounds),
        queue_wait(bounds) {}

  RequestTable requests;
  std::array<Counter, kRequestOutcomes> tcp_connections;
  std::array<Histogram, kRequestOutcomes> request_duration;  // to the response head
  Histogram stream_duration;
  Histogram attempt_duration;
  Histogram connect_duration;
  Histogram queue_wait;
  std::array<Counter, kAttemptOutcomes> attempts;
  std::array<Counter, kTokens + 1> retries;  // by index_of(token); the last: a status or a field
  std::array<Counter, kCauses> replies;      // by cause
  std::array<Counter, kFallbackKinds> fallbacks;
  std::array<Counter, kCacheSkips> cache_skipped;
  Counter would_refuse_endpoint_circuit;
  Counter panic_picks;
};

// What one worker counts for itself.
struct WorkerSeries {
  Gauge downstream_connections;  // also those that have not shown yet what they speak
  Gauge downstream_http1;
  Gauge downstream_http2;
  Gauge downstream_tcp;
  Gauge upstream_connections;
  Gauge upstream_http2;
  Gauge upstream_tcp;
  Counter downstream_bytes_in;
  Counter downstream_bytes_out;
  Counter upstream_bytes_in;
  Counter upstream_bytes_out;
  Counter detect_http1;
  Counter detect_http2;
  Counter detect_tls;  // handshakes that went well
  Counter detect_tls_failed;
  Counter detect_refused;        // bytes that are not HTTP
  Counter detect_sni;            // TLS of others
  Counter detect_opaque;         // neither HTTP nor TLS
  Counter overload_descriptors;  // connections refused because none was left
  Counter overload_memory;       // calls refused
  Counter overload_connections;  // connections over limits.connections
  Counter slow_heads;
  Counter slow_bodies;
  Counter write_stalls;
  std::array<Counter, kHttp2Faults> downstream_http2_faults;
  std::array<Counter, kHttp2Faults> upstream_http2_faults;
  Gauge loop_lag_ms;
};

}  // namespace outrigger::metrics
