/** `isoloss export model`: a trained run as ONNX and safetensors files, with its tokenizer and a model card. */
import type { Command } from 'commander';

interface ExportModelFlags {
  readonly onnx?: string;
  readonly safetensors?: string;
  readonly batch?: string;
  readonly externalData?: true;
  readonly tokenizer: boolean;
  readonly force?: true;
  readonly variant?: string;
  readonly results: string;
  readonly json?: true;
}

/** @param exporting the command `isoloss export` */
export function addExportModelCommand(exporting: Command): void {
  exporting
    .command('model')
    .description(
      'a trained run as a model that other programs load, with tokenizer.json and a card (README.md)',
    )
    .argument('<run>', 'run key, or its beginning (at least 4 digits); `isoloss runs` lists them')
    .option('--onnx <file>', 'write the forward pass as ONNX: tokens to logits')
    .option('--batch <n>', 'sequences of a batch of the ONNX file; any number where not given')
    .option('--external-data', 'weights in a file of their own beside the ONNX file, as above 2 GB anyway')
    .option('--safetensors <file>', 'write the parameters')
    .option('--no-tokenizer', 'leave the tokenizer out')
    .option('--variant <file>', 'file of the variant that the run was trained with')
    .option('--force', 'replace model files that exist')
    .option('--results <dir>', 'folder of the results', 'results')
    .option('--json', 'print what was written as JSON')
    .addHelpText(
      'after',
      `
Examples:
  isoloss export model 3f0c9a1be2d47586 --onnx model.onnx
  isoloss export model 3f0c --onnx my-model/model.onnx --safetensors my-model/model.safetensors
  isoloss export model 3f0c --onnx model.onnx --batch 8 --external-data

The ONNX file is loaded and its logits compared with the run's own before anything is put into place.
Tokenizer and card go into the folder of the model.`,
    )
    .action(async (run: string, flags: ExportModelFlags) => {
      const { exportModel } = await import('../exchange/exportModel.js');
      const { sizeFlag } = await import('./flags.js');
      const exported = await exportModel({
        resultsDir: flags.results,
        run,
        onnx: flags.onnx,
        safetensors: flags.safetensors,
        batchSize: flags.batch === undefined ? undefined : sizeFlag('--batch', flags.batch),
        externalData: flags.externalData === true,
        tokenizer: flags.tokenizer,
        force: flags.force === true,
        variant: flags.variant,
      });
      if (flags.json === true) {
        console.log(JSON.stringify(exported, null, 2));
        return;
      }
      for (const notice of exported.notices) console.error(notice);
      const { bytesText } = await import('../sweeps/format.js');
      console.log(`run ${exported.runKey} (${exported.arch})`);
      for (const { path, bytes } of exported.files) console.log(`  ${path}  ${bytesText(bytes)}`);
      if (exported.check !== null) {
        const { batchSizes, largestError } = exported.check;
        console.log(
          `  logits as the run's own at batch ${batchSizes.join(', ')}: largest difference ${largestError.toExponential(1)} of the largest logit`,
        );
      }
    });
}
