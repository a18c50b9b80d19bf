// One exchange of a test: filters, a terminal, a sink and the request that goes down. It owns all
// of them, and checks as it goes that everything was given back. One thread.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/chain_filters.hpp"
#include "tests/support/chain_runtime.hpp"
#include "tests/support/chain_terminal.hpp"

namespace outrigger::testing {

class ChainCall {
 public:
  explicit ChainCall(std::vector<Script> scripts = {Script::ok()}) : terminal(std::move(scripts)) {}
  ~ChainCall() {
    sink.end(chain::Outcome::Kind::kCallerGone);
    EXPECT_EQ(ledger.open(), 0U);
    EXPECT_EQ(terminal.cancelled(), terminal.calls()) << "a call was not given back";
    runtime.expect_clean();
  }

  // Outermost first; before start().
  template <class F, class... Args>
  F& add(std::string name, Args&&... args) {
    auto filter = std::make_unique<F>(std::move(name), ledger, std::forward<Args>(args)...);
    F& added = *filter;
    x_list.push_back(&added);
    x_filters.push_back(std::move(filter));
    return added;
  }
  // What was added since the last one becomes a chain of its own.
  chain::Chain& close_chain(chain::Terminal& end) {
    x_route.chains.push_back(std::make_unique<chain::Chain>(std::exchange(x_list, {}), end));
    return *x_route.chains.back();
  }

  chain::Exchange& make(http::Method method = http::Method::kGet) {
    chain::Exchange& exchange = *chain::Exchange::create(runtime.get(), sink);
    exchange.request().method = method;
    exchange.request().target = "/things";
    exchange.request().content_length = -1;
    sink.own(exchange);
    return exchange;
  }
  void begin() {
    x_route.label = "orders";
    sink.exchange().begin(x_route, close_chain(terminal));
    runtime.turn();
  }
  // A request without a body, through everything added.
  void start() {
    make();
    begin();
    finish();
  }
  void send(std::string_view bytes) {
    // Gone after the callback, as the bytes of a read buffer are.
    const auto copy = std::make_unique<char[]>(bytes.size());
    bytes.copy(copy.get(), bytes.size());
    sink.exchange().append_request_body({copy.get(), bytes.size()});
    runtime.turn();
  }
  void finish() {
    if (!sink.owns()) return;
    sink.exchange().finish_request(nullptr);
    runtime.turn();
  }
  void pass_ms(int64_t by) { runtime.advance_ms(by); }

  TestRuntime runtime;
  Ledger ledger;
  FakeTerminal terminal;
  RecordingSink sink;

 private:
  std::vector<std::unique_ptr<chain::Filter>> x_filters;
  std::vector<chain::Filter*> x_list;
  chain::Route x_route;
};

}  // namespace outrigger::testing
