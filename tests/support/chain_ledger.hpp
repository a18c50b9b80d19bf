// A Ledger writes down each frame that test filters enter and how it ended, and checks as it goes:
// every frame ends once, innermost first, the legs below an opener before its own frame. Tap is the
// filter that only writes, and does what a test gives it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/chain/exchange.hpp"
#include "proxy/chain/filter.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::testing {

class Ledger {
 public:
  using Kind = chain::Outcome::Kind;

  struct Entry {
    std::string name;
    const chain::Leg* leg;
    int opener;  // the entry that opened its leg, or -1
    bool ended = false;
    Kind kind = Kind::kDone;
    Cause cause = Cause::kNone;
  };

  int begin(std::string_view name, const chain::Leg& leg) {
    const auto opened = x_openers.find(&leg);
    entries.push_back({std::string(name), &leg, opened == x_openers.end() ? -1 : opened->second});
    return static_cast<int>(entries.size()) - 1;
  }
  void opened(const chain::Leg& below, int opener) { x_openers[&below] = opener; }

  void end(int id, const chain::Outcome& outcome) {
    Entry& entry = entries.at(static_cast<size_t>(id));
    EXPECT_FALSE(entry.ended) << entry.name << " ends twice";
    entry.ended = true;
    entry.kind = outcome.kind;
    EXPECT_EQ(outcome.kind == Kind::kFailed, outcome.error != nullptr);
    if (outcome.error != nullptr) entry.cause = outcome.error->cause;
    for (size_t i = 0; i < entries.size(); ++i) {
      const Entry& other = entries[i];
      const bool further_in = other.leg == entry.leg && static_cast<int>(i) > id;
      EXPECT_FALSE(!other.ended && (further_in || other.opener == id))
          << entry.name << " ends before " << other.name;
    }
  }

  size_t open() const {
    size_t count = 0;
    for (const Entry& entry : entries) count += entry.ended ? 0 : 1;
    return count;
  }
  // "done", "failed timeout", ... of the nth frame of that name; "open" or "none" otherwise.
  std::string outcome(std::string_view name, int nth = 0) const {
    static const char* const kKinds[] = {"done", "failed", "dropped", "caller gone"};
    for (const Entry& entry : entries) {
      if (entry.name != name || nth-- > 0) continue;
      if (!entry.ended) return "open";
      std::string text = kKinds[static_cast<size_t>(entry.kind)];
      if (entry.kind == Kind::kFailed) text += " " + std::string(row_of(entry.cause).name);
      return text;
    }
    return "none";
  }

  std::vector<Entry> entries;

 private:
  std::map<const chain::Leg*, int> x_openers;
};

// What every slot of a test filter begins with.
struct Frame {
  int id = -1;
};

// A filter that keeps the ledger. Derived filters override down() and what else they need.
template <class Self, class Slot>
class Kept : public chain::FilterWith<Self, Slot> {
 public:
  Kept(std::string name, Ledger& ledger) : x_name(std::move(name)), x_ledger(ledger) {}

  std::string_view name() const final { return x_name; }
  chain::Step on_request(chain::Leg& leg, void* slot) final {
    this->of(slot).id = x_ledger.begin(x_name, leg);
    return down(leg, this->of(slot));
  }
  void on_end(chain::Leg& leg, void* slot, const chain::Outcome& outcome) noexcept final {
    x_ledger.end(this->of(slot).id, outcome);
    ended(leg, this->of(slot));
  }

 protected:
  virtual chain::Step down(chain::Leg&, Slot&) { return chain::Step::kContinue; }
  virtual void ended(chain::Leg&, Slot&) {}
  Ledger& ledger() const { return x_ledger; }

 private:
  const std::string x_name;
  Ledger& x_ledger;
};

// Does what the test says, with the leg and the address of its own slot.
class Tap final : public Kept<Tap, Frame> {
 public:
  using Hook = std::function<chain::Step(chain::Leg&, void* slot)>;

  Tap(std::string name, Ledger& ledger, chain::Wants wants = {})
      : Kept(std::move(name), ledger), x_wants(wants) {}

  chain::Wants wants() const override { return x_wants; }
  chain::Step on_response(chain::Leg& up, void* at) override {
    ++responses;
    saw_error = up.error() != nullptr;
    return response ? response(up, at) : chain::Step::kContinue;
  }
  void on_chunk(chain::Leg& passed, void* at, chain::Way way, std::string_view bytes) override {
    chunks += (way == chain::Way::kRequest ? ">" : "<") + std::string(bytes);
    if (chunk) chunk(passed, at);
  }
  void on_body_end(chain::Leg& /*leg*/, void* /*slot*/, chain::Way way) override {
    chunks += way == chain::Way::kRequest ? ">." : "<.";
  }

  void on_leg(chain::Leg& mine, void* /*slot*/, chain::Leg& below) override {
    if (answer) answer(mine, below);
  }

  Hook request;
  Hook response;
  std::function<void(chain::Leg&, void* slot)> chunk;
  std::function<void(chain::Leg& mine, chain::Leg& below)> answer;
  std::string chunks;
  int responses = 0;
  bool saw_error = false;
  chain::Leg* leg = nullptr;  // the last one entered
  void* slot = nullptr;

 protected:
  chain::Step down(chain::Leg& entered, Frame& frame) override {
    leg = &entered;
    slot = &frame;
    return request ? request(entered, &frame) : chain::Step::kContinue;
  }

 private:
  const chain::Wants x_wants;
};

}  // namespace outrigger::testing
