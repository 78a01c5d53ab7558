// radio bench: load and latencies.
#include <cstdio>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/bench_load.h"
#include "client/cli/bench_report.h"
#include "client/cli/command.h"
#include "client/files.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr char kDescription[] =
    "Load with generated images of mixed sizes, one image a request, without retries. Closed loop "
    "(--concurrency callers that wait for their answers) or, with --rate, open loop (requests come "
    "when they are due). Percentiles are of good answers. Exit code 3: some requests failed.";

struct Flags {
  int concurrency = 8;
  double rate = 0;
  double duration = 10;
  double warmup = 2;
  std::string sizes = "224x224,336x336,432x432,512x512,768x768";
  std::string format = "tensor";
  std::string outputs = "backbone";
  bool features = false;
  std::string json;
  uint64_t seed = 1;
  std::string model;
  std::string resize = "nearest";
};

absl::StatusOr<std::vector<Resolution>> ParseSizes(const std::string& text) {
  std::vector<Resolution> sizes;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> sides =
        absl::StrSplit(part, absl::MaxSplits('x', 1));
    Resolution size;
    if (!absl::SimpleAtoi(sides.first, &size.height) ||
        !absl::SimpleAtoi(sides.second, &size.width) || size.height < 1 || size.width < 1 ||
        size.height > 16384 || size.width > 16384) {
      return absl::InvalidArgumentError(
          absl::StrCat("--sizes ", part, ": must be HxW with sides from 1 to 16384"));
    }
    sizes.push_back(size);
  }
  return sizes;
}

absl::StatusOr<BenchLoad> MakeLoad(const Flags& flags) {
  BenchLoad load;
  RADIO_ASSIGN_OR_RETURN(load.sizes, ParseSizes(flags.sizes));
  RADIO_ASSIGN_OR_RETURN(load.preprocessing, ParseResize(flags.resize));
  load.png = flags.format == "png";
  load.model = flags.model;
  const std::vector<std::string> names = absl::StrSplit(flags.outputs, ',', absl::SkipEmpty());
  for (const std::string& name : names) {
    v1::OutputSpec output;
    output.set_adaptor(name);
    output.set_summary(true);
    output.set_features(flags.features);
    load.outputs.push_back(output);
  }
  load.warmup = absl::Seconds(flags.warmup);
  load.duration = absl::Seconds(flags.duration);
  load.seed = flags.seed;
  return load;
}

int Bench(CommandLine* line, const Flags& flags) {
  line->options.retry.max_attempts = 1;
  const auto load = MakeLoad(flags);
  if (!load.ok()) return FailUsage(load.status());
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  if (const auto model = (*client)->GetModel(flags.model); !model.ok()) return Fail(model.status());
  const BenchReport report =
      MakeReport(*load, flags.rate > 0 ? RunOpenLoop(**client, *load, flags.rate)
                                       : RunClosedLoop(**client, *load, flags.concurrency));
  if (flags.json != "-") std::fputs(report.ToText().c_str(), stdout);
  if (flags.json == "-") {
    std::fputs(report.ToJson().c_str(), stdout);
  } else if (!flags.json.empty()) {
    const absl::Status written = WriteFileAtomically(flags.json, report.ToJson());
    if (!written.ok()) return Fail(written);
  }
  if (report.failed.empty()) return kExitOk;
  return report.ok == 0 ? kExitFailed : kExitPartial;
}

}  // namespace

void AddBench(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand("bench", kDescription);
  auto flags = std::make_shared<Flags>();
  auto* concurrency = command->add_option("--concurrency", flags->concurrency, "Callers")
                          ->check(CLI::Range(1, 4096))
                          ->type_name("N")
                          ->capture_default_str();
  command->add_option("--rate", flags->rate, "Open loop: images a second")
      ->check(CLI::PositiveNumber)
      ->excludes(concurrency)
      ->type_name("R");
  command->add_option("--duration", flags->duration, "Seconds that count")
      ->check(CLI::Range(0.01, 86400.0))
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--warmup", flags->warmup, "Seconds before that")
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("S")
      ->capture_default_str();
  command->add_option("--sizes", flags->sizes, "Sizes of the images, in turn")
      ->type_name("HxW,...")
      ->capture_default_str();
  command->add_option("--format", flags->format, "tensor (raw pixels) or png (to be decoded)")
      ->check(CLI::IsMember({"tensor", "png"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_option("--outputs", flags->outputs, "Comma-separated: backbone and adaptors")
      ->type_name("NAMES")
      ->capture_default_str();
  command->add_flag("--features", flags->features, "Dense features as well as summaries");
  command->add_option("--json", flags->json, "Also write the result there; - prints it instead")
      ->type_name("FILE");
  command->add_option("--seed", flags->seed, "Of images and times")->capture_default_str();
  AddModelOptions(command, &flags->model, &flags->resize);
  command->callback([line, flags] { line->run = [line, flags] { return Bench(line, *flags); }; });
}

}  // namespace radio::client
