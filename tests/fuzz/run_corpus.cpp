// Runs a libFuzzer target where there is no libFuzzer (g++): every file of the corpus, then
// mutations of them. Each round is a function of the seed and its number, so a failure is replayed
// by the line that it prints. Usage: TARGET CORPUS_DIR [ROUNDS [SEED [FIRST_ROUND]]]
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// The sanitizers look for these names.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __asan_default_options() { return "abort_on_error=1"; }
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

namespace {

using outrigger::Random;

struct Running {
  const char* program = "";
  const char* corpus = "";
  uint64_t seed = 0;
  uint64_t round = 0;
  const std::string* input = nullptr;
} running;

void on_abort(int) {
  std::fprintf(stderr, "\nreplay: %s %s 1 %llu %llu\ninput: ", running.program, running.corpus,
               static_cast<unsigned long long>(running.seed),
               static_cast<unsigned long long>(running.round));
  if (running.input != nullptr) {
    for (const char c : *running.input) {
      std::fprintf(stderr, c >= ' ' && c < 0x7F ? "%c" : "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  std::fputc('\n', stderr);
  std::_Exit(1);
}

const std::vector<std::string> kPieces = {"\r\n",
                                          "\n",
                                          "\r",
                                          " ",
                                          "\t",
                                          ":",
                                          ",",
                                          ";",
                                          "\r\n ",
                                          "\r\n\r\n",
                                          "0",
                                          "chunked",
                                          "-",
                                          "_",
                                          std::string(1, '\0'),
                                          "\x80",
                                          "%00",
                                          "%2e",
                                          "/",
                                          "//",
                                          "..",
                                          "\"",
                                          "\\",
                                          "@",
                                          "#",
                                          "HTTP/1.0",
                                          "close",
                                          "Host: b\r\n",
                                          "Content-Length: 1\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Connection: x\r\n",
                                          "0\r\n\r\n",
                                          "ffffffff"};

void mutate(std::string& text, const std::vector<std::string>& corpus, Random& random) {
  const auto below = [&random](size_t bound) { return random.below(static_cast<uint32_t>(bound)); };
  const size_t at = below(text.size() + 1);
  switch (below(7)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(below(256));
      break;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1U << below(8)));
      break;
    case 2:
      text.erase(at, 1 + below(8));
      break;
    case 3:
      text.insert(at, kPieces[below(kPieces.size())]);
      break;
    case 4:
      text.insert(at, text.substr(below(text.size() + 1), 1 + below(40)));
      break;
    case 5: {
      const std::string& other = corpus[below(corpus.size())];
      text = text.substr(0, at) + other.substr(below(other.size() + 1));
      break;
    }
    default:
      text.resize(at);
      break;
  }
}

void run(const std::string& input) {
  running.input = &input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::signal(SIGABRT, on_abort);
  running.program = argv[0];
  running.corpus = argv[1];
  const uint64_t rounds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10000;
  running.seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  const uint64_t first = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 0;

  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) return 2;
  for (const std::string& input : corpus) run(input);
  for (uint64_t round = first; round < first + rounds; ++round) {
    running.round = round;
    Random random(running.seed << 32U | round);
    const auto below = [&random](size_t bound) {
      return random.below(static_cast<uint32_t>(bound));
    };
    std::string input = corpus[below(corpus.size())];
    for (size_t i = below(4) + 1; i > 0; --i) mutate(input, corpus, random);
    run(input);
  }
  std::printf("%zu inputs and %llu mutations\n", corpus.size(),
              static_cast<unsigned long long>(rounds));
  return 0;
}
