/** Searching the VMs of all providers: lists, exports, completion, saved filters, rules (src/inventory/search-api.ts). */
import { Readable } from 'node:stream';
import Type from 'typebox';
import { problemText } from '../concerns/own-rules.ts';
import type { RuleBook } from '../concerns/rule-book.ts';
import { countConcerns } from '../inventory/concern-store.ts';
import { csvOf, jsonOf } from '../inventory/export.ts';
import { addFilter, editFilter, listFilters, type Person, removeFilter } from '../inventory/filter-store.ts';
import * as api from '../inventory/search-api.ts';
import { completeValues, exportVms, type Search, searchVms } from '../inventory/search-store.ts';
import { completionAt } from '../inventory/search/complete.ts';
import { parseFilter } from '../inventory/search/parse.ts';
import type { Sort } from '../inventory/sorting.ts';
import { WherryError } from '../model/errors.ts';
import { roleCovers } from '../model/role.ts';
import { actorOf } from './auth/authenticate.ts';
import type { Actor, App, RouteContext, Routes } from './routes.ts';
import { ById } from './params.ts';

const tags = ['inventory'];

export function inventoryRoutes(rules: RuleBook): Routes {
  return {
    schemas: {
      VmListItem: api.VmListItem,
      VmPage: api.VmPage,
      CompleteFilter: api.CompleteFilter,
      FilterCompletion: api.FilterCompletion,
      CheckFilter: api.CheckFilter,
      CheckedFilter: api.CheckedFilter,
      SaveFilter: api.SaveFilter,
      EditFilter: api.EditFilter,
      SavedFilter: api.SavedFilter,
      RuleView: api.RuleView,
      RuleList: api.RuleList,
    },
    register: (app, context) => {
      addSearch(app, context);
      addLanguage(app, context);
      addFilters(app, context);
      addRules(app, context, rules);
    },
  };
}

function addSearch(app: App, { db }: RouteContext): void {
  app.get(
    '/inventory/vms',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'searchVms',
        summary: 'VMs of all providers that a filter finds, by pages',
        tags,
        querystring: api.VmSearch,
        response: { 200: api.VmPage },
      },
    },
    ({ query }) => {
      const { limit, after, skip } = query;
      return searchVms(db, searchOf(query), { limit, after, skip });
    },
  );
  app.get(
    '/inventory/vms/export',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'exportVms',
        summary: 'All VMs that a filter finds, as a CSV or JSON file',
        tags,
        querystring: api.VmExport,
      },
    },
    async ({ query }, reply) => {
      const pages = exportVms(db, searchOf(query));
      const isCsv = query.format === 'csv';
      return reply
        .type(isCsv ? 'text/csv; charset=utf-8; header=present' : 'application/json; charset=utf-8')
        .header('content-disposition', `attachment; filename="vms.${query.format}"`)
        .send(Readable.from(isCsv ? csvOf(pages) : jsonOf(pages)));
    },
  );
}

function addLanguage(app: App, { db }: RouteContext): void {
  app.post(
    '/inventory/vms/complete',
    {
      config: { permission: 'viewer', idempotent: false },
      schema: {
        operationId: 'completeFilter',
        summary: 'What may stand in a filter where the cursor is',
        tags,
        body: api.CompleteFilter,
        response: { 200: api.FilterCompletion },
      },
    },
    async ({ body: { filter, cursor } }) => {
      const completion = completionAt(filter, Math.min(cursor, filter.length));
      const { from, to, suggestions } = completion;
      return { from, to, suggestions: [...suggestions, ...(await completeValues(db, completion))] };
    },
  );
  app.post(
    '/inventory/vms/check-filter',
    {
      config: { permission: 'viewer', idempotent: false },
      schema: {
        operationId: 'checkFilter',
        summary: 'Whether a filter is well written, and if not, where and what was expected',
        tags,
        body: api.CheckFilter,
        response: { 200: api.CheckedFilter },
      },
    },
    async ({ body }) => checked(body.filter),
  );
}

function addFilters(app: App, { db }: RouteContext): void {
  const permission = 'viewer';
  app.get(
    '/inventory/filters',
    {
      config: { permission },
      schema: {
        operationId: 'listFilters',
        summary: 'Saved filters: own ones and shared ones',
        tags,
        response: { 200: api.SavedFilterList },
      },
    },
    async (request) => ({ items: await listFilters(db.kysely, personOf(actorOf(request))) }),
  );
  app.post(
    '/inventory/filters',
    {
      config: { permission },
      schema: {
        operationId: 'saveFilter',
        summary: 'Saves a filter under a name',
        tags,
        body: api.SaveFilter,
        response: { 201: api.SavedFilter },
      },
    },
    async (request, reply) => {
      parseFilter(request.body.filter);
      return reply.code(201).send(await addFilter(db.kysely, request.body, personOf(actorOf(request))));
    },
  );
  app.put(
    '/inventory/filters/:id',
    {
      config: { permission },
      schema: {
        operationId: 'editFilter',
        summary: 'Changes a saved filter; what is left out stays',
        tags,
        params: ById,
        body: api.EditFilter,
        response: { 200: api.SavedFilter },
      },
    },
    async (request) => {
      const { body, params } = request;
      if (body.filter !== undefined) parseFilter(body.filter);
      return editFilter(db, params.id, body, personOf(actorOf(request)));
    },
  );
  app.delete(
    '/inventory/filters/:id',
    {
      config: { permission },
      schema: {
        operationId: 'deleteFilter',
        summary: 'Removes a saved filter',
        tags,
        params: ById,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await removeFilter(db, request.params.id, personOf(actorOf(request)));
      return reply.code(204).send(null);
    },
  );
}

function addRules(app: App, { db }: RouteContext, rules: RuleBook): void {
  app.get(
    '/inventory/rules',
    {
      config: { permission: 'viewer' },
      schema: {
        operationId: 'listRules',
        summary: 'The rules that find concerns, and what of the own ones is not taken',
        tags,
        response: { 200: api.RuleList },
      },
    },
    async () => {
      const { version, rules: all } = rules.current();
      const counts = await countConcerns(db.kysely);
      const items = all.map(({ id, severity, on, text, fix, filter = null, own }) => {
        return { id, severity, on: [...on], text, fix, filter, own, vms: counts.get(id) ?? 0 };
      });
      return { version, file: rules.file, items, problems: rules.problems().map(problemText) };
    },
  );
}

function searchOf({ filter = '', provider, sort = 'name' }: Omit<api.VmSearch, 'limit' | 'after' | 'skip'>): Search {
  return { filter: parseFilter(filter), provider, sort: sort as Sort };
}

function checked(filter: string): api.CheckedFilter {
  try {
    parseFilter(filter);
    return { ok: true, problem: null };
  } catch (error) {
    if (!(error instanceof WherryError) || error.code !== 'search.filter_wrong') throw error;
    const { position = 1, length = 1, found = '', expected = '' } = error.params;
    return {
      ok: false,
      problem: {
        position: Number(position),
        length: Number(length),
        message: error.message,
        found: String(found),
        expected: String(expected),
      },
    };
  }
}

function personOf({ name, role }: Actor): Person {
  return { name, isAdministrator: role !== null && roleCovers(role, 'administrator') };
}
