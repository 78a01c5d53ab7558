#include "server/logger.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cmath>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "server/metric_table.h"
#include "server/utf8.h"

namespace radio::server {
namespace {

// Lines that wait for standard error.
constexpr size_t kQueuedLines = 8192;

const std::string& NameOf(LogLevel level) {
  static const auto* const names = new std::vector<std::string>(LabelValues("level"));
  return (*names)[static_cast<size_t>(level)];
}

void AppendJsonString(absl::string_view bytes, std::string* out) {
  out->push_back('"');
  for (const char c : ToValidUtf8(bytes)) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(out, "\\u%04x", c);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

// JSON has no NaN and no infinity.
void AppendJsonValue(const LogField& field, std::string* out) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    AppendJsonString(*text, out);
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    absl::StrAppend(out, std::isfinite(*number) ? absl::StrCat(*number) : "null");
  } else if (const auto* integer = std::get_if<int64_t>(&field.value)) {
    absl::StrAppend(out, *integer);
  } else {
    absl::StrAppend(out, std::get<bool>(field.value) ? "true" : "false");
  }
}

class FunctionSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(const std::string&)> function)
      : function_(std::move(function)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    function_(std::string(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  const std::function<void(const std::string&)> function_;
};

spdlog::sink_ptr MakeSink(const Logger::Options& options) {
  if (options.sink) return std::make_shared<FunctionSink>(options.sink);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%v");
  return sink;
}

}  // namespace

std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          absl::string_view event, const std::vector<LogField>& fields) {
  const std::string stamp = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
  std::string line;
  if (format == LogFormat::kJson) {
    absl::StrAppend(&line, "{\"time\":\"", stamp, "\",\"level\":\"", NameOf(level),
                    "\",\"event\":");
    AppendJsonString(event, &line);
    for (const LogField& field : fields) {
      line.push_back(',');
      AppendJsonString(field.name, &line);
      line.push_back(':');
      AppendJsonValue(field, &line);
    }
    line.push_back('}');
    return line;
  }
  absl::StrAppend(&line, stamp, " ", NameOf(level), " ", ToValidUtf8(event));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.name, "=");
    AppendJsonValue(field, &line);
  }
  return line;
}

class Logger::Writer {
 public:
  explicit Writer(const Options& options)
      : pool_(std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "radio", MakeSink(options), pool_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);
    logger_->flush_on(spdlog::level::trace);
  }
  // The pool's thread writes what is queued before it ends.

  void Write(const std::string& line) {
    logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  const std::shared_ptr<spdlog::details::thread_pool> pool_;
  const std::shared_ptr<spdlog::async_logger> logger_;
};

Logger::Logger(Options options)
    : options_(std::move(options)),
      limit_(options_.max_limited_per_second),
      writer_(std::make_unique<Writer>(options_)) {}

Logger::~Logger() = default;

void Logger::Log(LogLevel level, absl::string_view event, const std::vector<LogField>& fields) {
  counts_[static_cast<size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  if (level < options_.level) return;
  writer_->Write(FormatLogLine(options_.format, absl::Now(), level, event, fields));
}

bool Logger::IsSample() {
  if (options_.sample_every == 0) return false;
  return (sampled_from_.fetch_add(1, std::memory_order_relaxed) + 1) % options_.sample_every == 0;
}

void Logger::LogLimited(LogLevel level, absl::string_view event, std::vector<LogField> fields) {
  const std::optional<int64_t> suppressed = limit_.Take(absl::Now());
  if (!suppressed) {
    counts_[static_cast<size_t>(level)].fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (*suppressed > 0) fields.emplace_back("suppressed", *suppressed);
  Log(level, event, fields);
}

}  // namespace radio::server
