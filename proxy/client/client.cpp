#include "proxy/client/client.hpp"

#include <algorithm>
#include <utility>

#include "config/model.hpp"
#include "proxy/client/client_call.hpp"
#include "proxy/upstream/forwarder.hpp"

namespace outrigger::client {
namespace {

// No connection outlives its call.
config::Policy policy_of_calls(config::Protocol protocol) {
  config::Policy policy = config::Config::passthrough_policy();
  policy.protocol = protocol;
  policy.pool.idle_ms.reset();
  policy.timeout.connect_ms = 5'000;
  return policy;
}

// Collects an answer.
class WholeAnswer final : public io::Operation, private AnswerEvents {
 public:
  WholeAnswer(Client& client, const Request& request, const Bounds& bounds,
              std::function<void(const Result<Answer>&)> done)
      : x_done(std::move(done)), x_call(client.send(request, bounds, *this)) {}

 private:
  void on_head(int status, const http::Fields& fields) override {
    x_answer.status = status;
    for (const http::Field& field : fields) {
      auto& [name, value] = x_answer.fields.emplace_back(field.name, field.value);
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    }
  }
  void on_body(std::string_view bytes) override { x_answer.body += bytes; }
  void on_end() override { tell(std::move(x_answer)); }
  void on_failed(const std::string& why) override { tell(failure(why)); }
  void tell(const Result<Answer>& result) {
    if (!is_linked()) std::exchange(x_done, nullptr)(result);
  }

  std::function<void(const Result<Answer>&)> x_done;
  Answer x_answer;
  const io::OperationPtr x_call;
};

}  // namespace

// ---- names

class Transport::LazyNames final : public io::NameService {
 public:
  explicit LazyNames(OpenNames open) : x_open(std::move(open)) {}

  io::OperationPtr resolve(const io::Question& question, io::ResolveEvents& events) override {
    return names().resolve(question, events);
  }
  uint64_t version() override { return names().version(); }

 private:
  io::NameService& names() {
    if (x_names == nullptr) x_names = x_open();
    return *x_names;
  }

  const OpenNames x_open;
  std::shared_ptr<io::NameService> x_names;
};

Transport::Transport(chain::Runtime& runtime, io::Network& network, OpenNames open_names)
    : x_names(std::make_unique<LazyNames>(std::move(open_names))),
      x_series(x_no_bounds),
      x_upstream{runtime, network, *x_names, x_worker_series,
                 std::make_shared<const upstream::OwnListeners>()} {}

Transport::~Transport() { loop().reaper.flush(); }

// ---- calls

std::string_view Answer::field(std::string_view name) const {
  const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return found == fields.end() ? std::string_view() : std::string_view(found->second);
}

Client::Client(Transport& transport, Url url, const Published<io::TlsClientContext>* tls,
               config::Protocol protocol)
    : x_transport(transport),
      x_url(std::move(url)),
      x_passthrough(transport.upstream(), policy_of_calls(protocol).pool,
                    {.tls = x_url.tls ? tls : nullptr, .trusts_names = true}),
      x_terminal(x_passthrough,
                 upstream::call_settings(policy_of_calls(protocol), transport.series()),
                 upstream::PassthroughTerminal::Unredirected::kByName) {
  x_route.service = x_route.label = x_url.origin();
  x_route.chains.push_back(
      std::make_unique<chain::Chain>(std::vector<chain::Filter*>(), x_terminal));
}

io::OperationPtr Client::send(const Request& request, const Bounds& bounds, AnswerEvents& events) {
  return std::make_unique<ClientCall>(x_transport.upstream().runtime, x_route, x_url, request,
                                      bounds, events);
}

io::OperationPtr Client::ask(const Request& request, const Bounds& bounds,
                             std::function<void(const Result<Answer>&)> done) {
  return std::make_unique<WholeAnswer>(*this, request, bounds, std::move(done));
}

}  // namespace outrigger::client
