// radio embed: many images to arrays on the disk.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/command.h"
#include "client/cli/embed_job.h"
#include "client/cli/embed_run.h"
#include "client/cli/embed_store.h"
#include "client/cli/inputs.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/errors.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr char kDescription[] =
    "Features of many images as .npy files. The folder gets job.json, shards\n"
    "<output>-summary-NNNNN.npy (and -features- with --features), manifest.jsonl with a line per\n"
    "image and failed.jsonl. The result depends on images and options only, not on timing or on\n"
    "interruptions. Exit code 3: finished, but some images failed.";

struct Flags {
  EmbedFlags job;
  std::vector<std::string> inputs;
  std::string out;
  std::string shard;
  bool resume = false;
  int in_flight = 32;
  double patience_seconds = 300;
};

// "<out>/part-00001-of-00004" for --shard 1/4: the parts of a run may share a file system.
std::string PartFolder(const Flags& flags) {
  int index = 0;
  int count = 0;
  if (std::sscanf(flags.shard.c_str(), "%d/%d", &index, &count) != 2) return flags.out;
  return (std::filesystem::path(flags.out) / absl::StrFormat("part-%05d-of-%05d", index, count))
      .string();
}

absl::StatusOr<EmbedJob> Plan(const FeatureClient& client, const Flags& flags) {
  RADIO_ASSIGN_OR_RETURN(std::vector<std::string> images, ExpandInputs(flags.inputs, &std::cin));
  if (!flags.shard.empty()) {
    RADIO_ASSIGN_OR_RETURN(images, TakePart(images, flags.shard));
  }
  RADIO_ASSIGN_OR_RETURN(const v1::Model model, client.GetModel(flags.job.model));
  return PlanEmbed(flags.job, model, std::move(images));
}

absl::Status RunWithProgress(const FeatureClient& client, const Flags& flags, EmbedStore* store,
                             const HeldSignals& signals) {
  Progress progress(store->job().size(), store->next(), isatty(STDERR_FILENO) != 0, absl::Now());
  EmbedRun run(client, store, flags.in_flight, [&progress](int64_t stored, int64_t failed) {
    if (const auto text = progress.Report(stored, failed, absl::Now()); text.has_value()) {
      std::fputs(text->c_str(), stderr);
    }
  });
  const Interrupt interrupt(signals, [&run] { run.Stop(absl::CancelledError("interrupted")); });
  absl::Status status = run.Run();
  std::fputs(progress.End().c_str(), stderr);
  return status;
}

// While nothing has been written, an interruption has nothing to put in order.
absl::StatusOr<EmbedJob> PlanUnlessInterrupted(const FeatureClient& client, const Flags& flags,
                                               const HeldSignals& signals) {
  const Interrupt interrupt(signals, [] {
    std::fputs("radio: interrupted\n", stderr);
    _exit(kExitFailed);
  });
  return Plan(client, flags);
}

int Embed(CommandLine* line, const Flags& flags) {
  const HeldSignals signals;
  // A bulk job rather waits for a server that restarts than gives up.
  line->options.retry.max_attempts = 60;
  line->options.retry.budget = 1000;
  line->options.retry.budget_per_success = 1;
  line->options.retry.patience = absl::Seconds(flags.patience_seconds);
  const auto client = line->Connect();
  if (!client.ok()) return FailUsage(client.status());
  auto job = PlanUnlessInterrupted(**client, flags, signals);
  if (absl::IsInvalidArgument(job.status())) return FailUsage(job.status());
  if (!job.ok()) return Fail(job.status());
  const std::string folder = PartFolder(flags);
  const auto store = EmbedStore::Open(folder, *std::move(job), flags.resume);
  if (absl::IsFailedPrecondition(store.status())) return FailUsage(store.status());
  if (!store.ok()) return Fail(store.status());

  const absl::Time begun = absl::Now();
  const int64_t already = (*store)->next();
  const absl::Status status = RunWithProgress(**client, flags, store->get(), signals);
  const int64_t stored = (*store)->next();
  if (!status.ok()) {
    std::fprintf(stderr, "radio: %s\nradio: stopped; the same command with --resume goes on\n",
                 Describe(status).c_str());
    return kExitFailed;
  }
  std::printf("%lld images in %s, %lld of them now in %s, %lld failed\n",
              static_cast<long long>(stored), folder.c_str(),
              static_cast<long long>(stored - already), FormatSeconds(absl::Now() - begun).c_str(),
              static_cast<long long>((*store)->failed()));
  return (*store)->failed() == 0 ? kExitOk : kExitPartial;
}

}  // namespace

void AddEmbed(CLI::App* app, CommandLine* line) {
  CLI::App* command = app->add_subcommand("embed", kDescription);
  auto flags = std::make_shared<Flags>();
  command->add_option("PATH", flags->inputs, kInputsHelp)->required();
  command->add_option("--out", flags->out, "Folder for the result")->required()->type_name("DIR");
  AddModelOptions(command, &flags->job.model, &flags->job.resize);
  command->add_option("--outputs", flags->job.outputs, "Comma-separated: backbone and adaptors")
      ->type_name("NAMES")
      ->capture_default_str();
  command->add_flag("--features", flags->job.features, "Dense features as well as summaries");
  command->add_option("--dtype", flags->job.dtype, "Of the arrays: float32 or float16")
      ->check(CLI::IsMember({"float32", "float16"}))
      ->type_name("TYPE")
      ->capture_default_str();
  command->add_option("--shard-images", flags->job.shard_images, "Images in one .npy file")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--resume", flags->resume, "Go on with what an equal command has left");
  command
      ->add_option("--shard", flags->shard,
                   "Only part i of n, 0 <= i < n, into DIR/part-<i>-of-<n>: one of n parallel jobs")
      ->type_name("I/N");
  command->add_option("--in-flight", flags->in_flight, "Images sent and not answered")
      ->check(CLI::Range(1, 4096))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--patience", flags->patience_seconds,
                   "Seconds to go on asking a server that is too busy for any image")
      ->check(CLI::Range(0.0, 604800.0))
      ->type_name("SECONDS")
      ->capture_default_str();
  command->callback([line, flags] { line->run = [line, flags] { return Embed(line, *flags); }; });
}

}  // namespace radio::client
