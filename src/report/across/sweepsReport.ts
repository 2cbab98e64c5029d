/** `isoloss report A B ...`: the same comparisons in several sweeps, side by side. */
import { packageVersion } from '../../store/version.js';
import type { ReportContext } from '../context.js';
import type { Answer, Block, ReportDocument, Section } from '../document.js';
import { factorDigits, formatFactor, formatFlops, formatPowerOfTen, listInWords } from '../format.js';
import { code, rich, strong, type Rich } from '../rich.js';
import { datasetOf, tableOf, type Table } from '../table.js';
import { factorText, intervalText, shortInterval, signedNats, speedupText } from '../text.js';
import { repeatedComparisons, type Repeated } from './agreement.js';
import { agreementChart } from './chart.js';
import { settingsOf } from './settings.js';

/** Builds the report of several sweeps; their losses meet only where text, tokenizer and windows are the same. */
export function sweepsDocument(contexts: readonly ReportContext[]): ReportDocument {
  const names = contexts.map(({ study }) => study.sweep.name);
  const repeated = repeatedComparisons(contexts);
  const sections: Section[] = [
    answerSection(contexts, repeated),
    settingsSection(contexts),
    limitsSection(contexts),
    {
      id: 'reproduce',
      title: 'How to reproduce it',
      blocks: [
        {
          kind: 'prose',
          text: rich`${code(`isoloss report ${names.join(' ')}`)} renders this again; ${code(`isoloss report ${names[0]!}`)} has everything behind the numbers of one sweep. Rendered by isoloss ${packageVersion()}.`,
        },
      ],
    },
  ];
  return {
    name: names.join('-and-'),
    title: `${listInWords(names)}, side by side`,
    summary: rich`Do the speedups that one sweep measured hold in another? Each factor is over the baseline of its own sweep; runs of different sweeps are never one frontier.`,
    sections,
  };
}

function answerSection(contexts: readonly ReportContext[], repeated: readonly Repeated[]): Section {
  const names = contexts.map(({ study }) => study.sweep.name);
  if (repeated.length === 0) {
    const text = rich`${strong('Nothing to set side by side.')} No comparison has a number in two of ${listInWords(names)}: that takes the same architecture, baseline and positions in both.`;
    return { id: 'answer', title: 'Answer', blocks: [{ kind: 'prose', text }] };
  }
  const blocks: Block[] = [
    { kind: 'answers', answers: repeated.map(answerOf) },
    { kind: 'chart', chart: agreementChart(contexts, repeated) },
  ];
  return { id: 'answer', title: 'Answer', blocks };
}

function answerOf(repeated: Repeated): Answer {
  const { arch, baseline, positions, findings, atCommonBudget, agreements } = repeated;
  const values = findings.map(({ at }) => at.bound ?? at.factor.value).sort((a, b) => a - b);
  const known = agreements.filter((agreement) => agreement !== null);
  const agrees = known.every((agreement) => agreement.agrees);
  const isTold = known.length > 0 && atCommonBudget;
  const verdict = !isTold
    ? `whether the sweeps agree can not be told${atCommonBudget ? '' : ', since they have no budget in common'}`
    : agrees
      ? 'the sweeps agree within their intervals'
      : 'the sweeps do not agree';
  const parts = findings.map(({ sweep, at, furthest }) => {
    const factor =
      at.relation === '=' ? `${formatFactor(at.factor.value)}${intervalText(at.factor)}` : factorText(at);
    const beyond =
      furthest === null
        ? ''
        : ` (${speedupText(furthest)} at ${formatFlops(furthest.baselineCost)}, its largest budget)`;
    return `${sweep} ${factor} at ${formatFlops(at.baselineCost)}${beyond}`;
  });
  const ratios = findings.slice(1).flatMap(({ sweep }, i) => {
    const agreement = agreements[i] ?? null;
    if (agreement === null) return [];
    const { ratio } = agreement;
    return [
      `The factor of ${sweep} is ${factorDigits(ratio.value)} times that of ${findings[0]!.sweep}${intervalText(ratio)}.`,
    ];
  });
  return {
    factor: `${factorDigits(values[0]!)}–${formatFactor(values.at(-1)!)}`,
    tone: isTold && agrees ? 'decided' : 'undecided',
    sentence: rich`${strong(`${arch} over ${baseline}, ${positions} positions: ${verdict}`)}. ${parts.join('; ')}.`,
    further: ratios.length === 0 ? null : ratios.join(' '),
  };
}

function settingsSection(contexts: readonly ReportContext[]): Section {
  const settings = contexts.map(settingsOf);
  const table: Table = {
    caption: 'The sweeps',
    dataset: datasetOf(
      ['sweep', 'text', 'vocabSize', 'contextLength', 'tokensPerStep', 'budgets', 'runs', 'seedNoise'],
      settings,
    ),
    columns: [
      { field: 'sweep', label: 'Sweep' },
      { field: 'text', label: 'Text' },
      { field: 'vocabSize', label: 'Vocabulary' },
      { field: 'contextLength', label: 'Context' },
      { field: 'tokensPerStep', label: 'Tokens a step' },
      { field: 'budgets', label: 'Budgets, FLOPs' },
      { field: 'runs', label: 'Finished runs' },
      { field: 'seedNoise', label: 'Seed deviation, nats' },
    ],
  };
  const comparable = new Set(settings.map((entry) => entry.lossKey)).size === 1;
  const losses = comparable ? lossTable(contexts) : null;
  const note: Rich = comparable
    ? rich`The sweeps have the same text, tokenizer, context and evaluation windows, so their losses can be set side by side.`
    : rich`${strong('Losses are not compared.')} Text, tokenizer, context or evaluation windows differ, so the losses of these sweeps are different families of numbers; a speedup is a ratio inside one sweep and carries over.`;
  return {
    id: 'settings',
    title: 'What was compared',
    blocks: [
      { kind: 'table', table, file: 'sweeps', collapsed: false },
      { kind: 'prose', text: note },
      ...(losses === null
        ? []
        : [{ kind: 'table', table: losses, file: 'losses', collapsed: false } as const]),
    ],
  };
}

/** Optimal losses at the budgets that two sweeps share. */
function lossTable(contexts: readonly ReportContext[]): Table | null {
  const [first, ...others] = contexts;
  const rows = others.flatMap((other) =>
    first!.analysis.isoflop.flatMap(({ arch, budgetFlops, optimum }) => {
      const same = other.analysis.isoflop.find(
        (fit) => fit.arch === arch && fit.budgetFlops === budgetFlops && fit.optimum !== null,
      );
      if (optimum === null || same?.optimum == null) return [];
      const format = (nats: number): string => nats.toFixed(3);
      return [
        {
          arch,
          budgetFlops,
          sweep: first!.study.sweep.name,
          loss: shortInterval(optimum.lossNats, format),
          otherSweep: other.study.sweep.name,
          otherLoss: shortInterval(same.optimum.lossNats, format),
          difference: signedNats(same.optimum.lossNats.value - optimum.lossNats.value),
        },
      ];
    }),
  );
  return tableOf('Optimal test loss at the same budget, nats (95%)', rows, [
    { field: 'arch', label: 'Architecture' },
    { field: 'budgetFlops', label: 'Budget, FLOPs', format: formatPowerOfTen },
    { field: 'sweep', label: 'Sweep' },
    { field: 'loss', label: 'Loss' },
    { field: 'otherSweep', label: 'Other sweep' },
    { field: 'otherLoss', label: 'Its loss' },
    { field: 'difference', label: 'Difference' },
  ]);
}

function limitsSection(contexts: readonly ReportContext[]): Section {
  const items = contexts.flatMap(({ study, analysis }) =>
    [...analysis.warnings, ...study.problems].map((text) => rich`${strong(study.sweep.name)}: ${text}`),
  );
  const general = rich`Factors are read at the largest budget that all of the sweeps have; where they have none in common, each at the largest of its own baseline, and a difference may be one of scale. Intervals speak of seed noise alone, and the sweeps are taken to be independent.`;
  return {
    id: 'limits',
    title: 'What can’t be concluded',
    blocks: [{ kind: 'list', items: [general, ...items] }],
  };
}
