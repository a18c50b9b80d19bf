// HTTP calls of our own: to registries and the health checks of instances. They are exchanges like
// the neighbour's, over the same codec, TLS, names and timers, with a sink of their own; none of
// the policies stands between. Each call has a connection of its own, so that none dies with an
// idle one. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/policy.hpp"
#include "metrics/series.hpp"
#include "proxy/base/published.hpp"
#include "proxy/base/url.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/http/fields.hpp"
#include "proxy/io/name_service.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/passthrough.hpp"

namespace outrigger::client {

// What all clients of one thread share. Outlives them.
class Transport {
 public:
  using OpenNames = std::function<std::shared_ptr<io::NameService>()>;

  // `open_names` is asked at the first call. All of it outlives the transport, which outlives the
  // clients that were given to the Reaper.
  Transport(chain::Runtime& runtime, io::Network& network, OpenNames open_names);
  ~Transport();

  upstream::UpstreamRuntime& upstream() { return x_upstream; }
  const LoopContext& loop() const { return x_upstream.runtime.loop; }
  metrics::ServiceSeries& series() { return x_series; }

 private:
  class LazyNames;

  const std::unique_ptr<LazyNames> x_names;
  const metrics::Bounds x_no_bounds;
  metrics::WorkerSeries x_worker_series;  // neither is exported: no call of the neighbour
  metrics::ServiceSeries x_series;
  upstream::UpstreamRuntime x_upstream;
};

struct Request {
  std::string_view method = "GET";
  std::string target;  // path and query
  std::vector<std::pair<std::string, std::string>> fields{};
  std::string body{};
  std::optional<Address> at{};  // goes there instead of where the name of the server leads
};

struct Bounds {
  int64_t head_ms = 10'000;     // from now to the head of the answer
  int64_t silence_ms = 10'000;  // then between two pieces of its body
  int64_t whole_ms = 20'000;    // from the head to the end; 0: for ever
  size_t body_bytes = 16 << 20;
};

// An answer as it comes: head, pieces, end; a failure may come instead of each. Never from inside
// Client::send().
class AnswerEvents {
 public:
  // Of the final answer.
  virtual void on_head(int status, const http::Fields& fields) = 0;
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_end() = 0;
  // A sentence for people, which names the server.
  virtual void on_failed(const std::string& why) = 0;

 protected:
  ~AnswerEvents() = default;
};

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string body;

  // The first of that name, or empty.
  std::string_view field(std::string_view name) const;
};

// Calls to one server. Whoever owns it ends its calls and gives it to the Reaper.
class Client final : public Reapable {
 public:
  // `tls` counts where the URL is https; both outlive the client. Requires: the protocol is one of
  // HTTP, or `auto`.
  Client(Transport& transport, Url url, const Published<io::TlsClientContext>* tls,
         config::Protocol protocol = config::Protocol::kHttp1);

  const Url& url() const { return x_url; }

  // The target is put behind the base path of the URL. Destroying the handle cancels, silently;
  // from inside an event of the call it is given to the Reaper instead.
  io::OperationPtr send(const Request& request, const Bounds& bounds, AnswerEvents& events);
  // The same for an answer that is wanted whole; `done` is called once.
  io::OperationPtr ask(const Request& request, const Bounds& bounds,
                       std::function<void(const Result<Answer>&)> done);

 private:
  Transport& x_transport;
  const Url x_url;
  upstream::PassthroughClient x_passthrough;
  upstream::PassthroughTerminal x_terminal;
  chain::Route x_route;
};

}  // namespace outrigger::client
