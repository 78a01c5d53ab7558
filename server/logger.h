// Log lines on standard error: one JSON object a line, or text for people.
#ifndef RADIO_SERVER_LOGGER_H_
#define RADIO_SERVER_LOGGER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/rate_limit.h"

namespace radio::server {

// In the order of LabelValues("level").
enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kJson, kText };

// A name and a value of a line. Bytes that are no UTF-8 are replaced.
struct LogField {
  LogField(absl::string_view name, absl::string_view text) : name(name), value(std::string(text)) {}
  LogField(absl::string_view name, const char* text) : name(name), value(std::string(text)) {}
  LogField(absl::string_view name, const std::string& text) : name(name), value(text) {}
  LogField(absl::string_view name, double number) : name(name), value(number) {}
  LogField(absl::string_view name, int64_t number) : name(name), value(number) {}
  LogField(absl::string_view name, int number) : name(name), value(int64_t{number}) {}
  LogField(absl::string_view name, bool flag) : name(name), value(flag) {}

  absl::string_view name;
  std::variant<std::string, double, int64_t, bool> value;
};

// One line without its end; always valid JSON, or one line of text. Pure.
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          absl::string_view event, const std::vector<LogField>& fields);

// Thread-safe. Lines go to a thread of its own over a bounded queue: when standard error is slower
// than the server, the oldest lines are lost, and nobody waits.
class Logger {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kJson;
    // Where lines go instead of standard error; called on the writer's thread. For tests.
    std::function<void(const std::string&)> sink;
    // Of LogLimited.
    int max_limited_per_second = 100;
    // Of IsSample; 0: none.
    int sample_every = 0;
  };

  explicit Logger(Options options);
  // Writes what is left.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // Never blocks. `event` is a word or two that say what happened.
  void Log(LogLevel level, absl::string_view event, const std::vector<LogField>& fields);

  // Log for what callers can cause as often as they like: beyond a number a second nothing is
  // written, and the next line says how many were not, as "suppressed".
  void LogLimited(LogLevel level, absl::string_view event, std::vector<LogField> fields);

  // Whether what happens now and is nothing special shall be logged: true once in `sample_every`.
  bool IsSample();

  // Messages of a level so far, dropped ones included.
  int64_t count(LogLevel level) const { return counts_[static_cast<size_t>(level)]; }

 private:
  class Writer;

  const Options options_;
  RateLimit limit_;
  std::array<std::atomic<int64_t>, 4> counts_{};
  std::atomic<int64_t> sampled_from_{0};
  const std::unique_ptr<Writer> writer_;
};

}  // namespace radio::server

#endif  // RADIO_SERVER_LOGGER_H_
