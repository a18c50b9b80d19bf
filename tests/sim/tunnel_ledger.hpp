// The TunnelLedger knows the two ends of every tunnel: what each has said, what it has heard, and
// how it ended. What an end says opens with its name, and all that follows can be told from the
// name; so whoever hears it knows whose it is, and which byte. Each entry is checked against what
// is known of the other end. Part of the Ledger; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace outrigger::sim {

class TunnelLedger {
 public:
  enum class Side : uint8_t { kClient, kServer };

  struct End {
    Side side = Side::kClient;
    uint32_t number = 0;  // of a client: of its call
    bool is_open = false;
    uint64_t said = 0;   // bytes
    uint64_t heard = 0;  // bytes
    std::string name_heard;
    End* peer = nullptr;    // by the name that it heard
    bool finished = false;  // its own way has ended
    bool ended = false;     // the other way has, and it saw that
    bool broken = false;    // it saw a reset
    bool left = false;      // it did not wait for the end
  };

  static constexpr size_t kNameBytes = 8;

  // Both stay where they are.
  End& add_client(uint32_t call);
  End& add_server();

  // The next bytes that `end` says.
  static std::string next(const End& end, size_t count);

  // -- what is wrong with it; empty: nothing
  std::string hear(End& end, std::string_view bytes);
  std::string hear_end(End& end);
  // When everyone has left. `gentle`: no tunnel may have broken.
  std::string check_over(bool gentle) const;

  const std::map<uint32_t, End>& clients() const { return x_clients; }
  const std::map<uint32_t, End>& servers() const { return x_servers; }

 private:
  std::string meet(End& end);
  static std::string check_whole(const End& hearer, const End& speaker);

  std::map<uint32_t, End> x_clients;  // by number
  std::map<uint32_t, End> x_servers;
};

}  // namespace outrigger::sim
